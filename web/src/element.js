// What a page gets to see: frozen plain objects.

export const file = (
  id, name, size, type, sent, progress, state, uuid, cdnUrl, stored, confirmed, receipt, code, message, remedy, detail,
) => Object.freeze({
  id, name, size, type, sent, progress, state,
  ...(uuid && { cdnUrl, uuid, stored, confirmed }),
  ...(receipt !== undefined && { receipt }),
  ...(code && { error: Object.freeze({ code, message, ...(remedy && { remedy }), ...(detail && { detail }) }) }),
});

export const totals = (status, files, done, failed, rejected, paused, active, needsFile, bytes, sent) =>
  Object.freeze({ status, files, done, failed, rejected, paused, active, needsFile, bytes, sent });

/** Tells the element, and gives what is told. */
export const emit = (told, type, detail) => told(type, detail);
