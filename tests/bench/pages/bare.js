// The least a page can do to upload a large file: the same requests as the widget, the same slices
// by XHR, as many at once, and nothing on the screen. `window.upload(parallel, partSize)` takes the
// chosen file and gives the seconds it took, credential to completion.
const config = await (await fetch('/demo/config.json')).json();

window.upload = async (parallel, partSize) => {
  const [file] = document.getElementById('file').files;
  const start = performance.now();
  const credential = await post(`${config.signerUrl}/v1/upload-credentials`, '{}', { 'content-type': 'application/json' });
  const headers = { authorization: `Bearer ${credential.token}` };
  const begun = await post(`${config.uploadBaseUrl}/multipart/start/`, form({
    UPLOADCARE_PUB_KEY: config.publicKey,
    UPLOADCARE_STORE: 'auto',
    filename: file.name,
    size: file.size,
    content_type: 'application/octet-stream',
    part_size: partSize,
  }), headers);
  let next = 0;
  const lane = async () => {
    while (next < begun.parts.length) {
      const index = next;
      next += 1;
      await put(begun.parts[index], file.slice(index * partSize, (index + 1) * partSize));
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  await post(`${config.uploadBaseUrl}/multipart/complete/`, form({ UPLOADCARE_PUB_KEY: config.publicKey, uuid: begun.uuid }), headers);
  return (performance.now() - start) / 1000;
};

function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, String(value));
  return body;
}

async function post(url, body, headers) {
  const answer = await fetch(url, { method: 'POST', body, headers });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

function put(url, slice) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', url);
    request.onload = () => (request.status === 200 ? resolve() : reject(new Error(`a part got ${request.status}`)));
    request.onerror = () => reject(new Error('a part was not sent'));
    request.send(slice);
  });
}
