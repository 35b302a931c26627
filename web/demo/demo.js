// The page around the widgets: tells them where the servers are, and shows what the servers say.
const config = await (await fetch('/demo/config.json')).json();

for (const dock of document.querySelectorAll('up-dock')) {
  const attributes = {
    'public-key': config.publicKey,
    'upload-base-url': config.uploadBaseUrl,
    'cdn-base-url': config.cdnBaseUrl,
    'signer-url': config.signerUrl,
  };
  for (const [name, value] of Object.entries(attributes)) {
    if (value) dock.setAttribute(name, value);
  }
}
await import('/updock/updock.js');

const element = (tag, text = '', className = '') => Object.assign(document.createElement(tag), { textContent: text, className });

// Stored

const stored = document.getElementById('stored');
const count = document.getElementById('stored-count');
let shown = '';

const size = (bytes) => {
  const units = ['B', 'KB', 'MB', 'GB'];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  // Cut, not rounded: as the widget beside it writes sizes.
  const tenths = Math.floor((bytes / 1000 ** unit) * 10) / 10;
  return `${unit && tenths < 100 ? tenths.toFixed(1) : Math.floor(tenths)} ${units[unit]}`;
};

function row(file) {
  const item = element('li');
  const name = element('a', file.original_filename || file.uuid, 'name');
  name.href = `${config.cdnBaseUrl}/${file.uuid}/`;
  name.target = '_blank';
  name.rel = 'noreferrer';
  const facts = element('span', '', 'facts');
  facts.append(element('span', `${size(file.size)}  ${file.mime_type ?? ''}`), element('span', file.is_stored ? 'stored' : 'for 24 hours', file.is_stored ? 'kept' : ''));
  item.append(name, facts);
  return item;
}

async function look() {
  try {
    const answer = await fetch(config.storedUrl, { cache: 'no-store' });
    const text = await answer.text();
    if (answer.ok && text !== shown) {
      shown = text;
      const list = JSON.parse(text);
      const files = Array.isArray(list) ? list : (list.results ?? list.files ?? []);
      count.textContent = files.length === 1 ? '1 file' : `${files.length} files`;
      stored.replaceChildren(...files.slice(0, 100).map(row));
      if (!files.length) stored.append(element('li', 'Nothing yet.', 'none'));
    }
  } catch {
    count.textContent = 'no answer';
    shown = '';
  }
}

if (config.storedUrl) {
  look();
  setInterval(() => document.hidden || look(), 1500);
  // What has just arrived should not wait for the next look.
  document.addEventListener('file-upload-success', look);
} else {
  stored.append(element('li', 'Runs against the real Uploadcare: look into its dashboard.', 'none'));
}

// Decisions

const decisions = document.getElementById('decisions');
const link = document.getElementById('decisions-state');
decisions.append(element('li', 'None yet.', 'none'));

const events = new EventSource('/demo/decisions');
events.onopen = () => { link.textContent = 'live'; };
events.onerror = () => { link.textContent = 'no connection'; };
events.onmessage = ({ data }) => {
  decisions.querySelector('.none')?.remove();
  // 2026-11-23 09:14:07 UTC  Visitor from … was given …
  const [, date, time, sentence] = /^(\S+) (\S+) UTC\s+(.*)$/.exec(data) ?? [null, '', '', data];
  const item = element('li');
  const when = element('time', time);
  when.dateTime = date ? `${date}T${time}Z` : '';
  item.append(when, element('span', ` ${sentence}`, /refus|denied|not allowed/i.test(sentence) ? 'refused' : 'said'));
  decisions.prepend(item);
  while (decisions.childElementCount > 200) decisions.lastElementChild.remove();
};
