// A page with nothing but the widget. `?attributes={...}` sets more of them (null takes one away);
// `?count=2` puts several on the page. Everything that happens is written down for the tests.
const query = new URLSearchParams(location.search);
const config = await (await fetch('/demo/config.json')).json();

window.updock = { config, events: [], violations: [] };
document.addEventListener('securitypolicyviolation', (event) => {
  window.updock.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});

document.documentElement.dir = query.get('dir') ?? 'ltr';
const attributes = {
  name: 'photos',
  multiple: '',
  'public-key': config.publicKey,
  'upload-base-url': config.uploadBaseUrl,
  'cdn-base-url': config.cdnBaseUrl,
  'signer-url': config.signerUrl,
  ...JSON.parse(query.get('attributes') ?? '{}'),
};
const events = [
  'file-added', 'file-upload-start', 'file-upload-progress', 'file-upload-success', 'file-upload-failed',
  'file-removed', 'change', 'upload-done',
];

for (let index = 0; index < Number(query.get('count') ?? 1); index += 1) {
  const dock = document.createElement('up-dock');
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) dock.setAttribute(name, value);
  }
  for (const name of events) {
    dock.addEventListener(name, () => window.updock.events.push(name));
  }
  document.getElementById('place').append(dock);
}
await import('/updock/updock.js');
