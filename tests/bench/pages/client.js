// Uploadcare's own client with nothing on the screen: what `cargo xtask bench engine` holds the widget against.
// `window.upload(baseURL)` sends the chosen files, ten at a time as the official widget does, and gives the seconds
// until the last is ready. Options are that widget's defaults.
import { Queue, uploadFile } from '/client/index.browser.mjs';

const { publicKey } = await (await fetch('/demo/config.json')).json();

window.upload = async (baseURL) => {
  const files = [...document.getElementById('file').files];
  const queue = new Queue(10);
  const options = {
    publicKey,
    baseURL,
    store: 'auto',
    retryNetworkErrorMaxTimes: 3,
    retryThrottledRequestMaxTimes: 3,
    maxConcurrentRequests: 4,
    // Both would follow progress on a page.
    onProgress: () => {},
  };
  const start = performance.now();
  const done = await Promise.all(files.map((file) => queue.add(() => uploadFile(file, { ...options, fileName: file.name }))));
  const seconds = (performance.now() - start) / 1000;
  if (!done.every(({ uuid }) => uuid)) throw new Error('a file has no UUID');
  return seconds;
};
