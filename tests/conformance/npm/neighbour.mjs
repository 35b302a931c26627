// A server of our own beside the stand-in: what it fetches files from, and where it delivers webhooks.
import http from 'node:http';
import { sample } from './harness.mjs';

export class Neighbour {
  /** Webhooks that arrived: `{headers, body}`, the body as it came. */
  delivered = [];

  static async start() {
    const neighbour = new Neighbour();
    neighbour.server = http.createServer((request, response) => neighbour.#answer(request, response));
    await new Promise((resolve) => neighbour.server.listen(0, '127.0.0.1', resolve));
    neighbour.server.unref();
    neighbour.base = `http://127.0.0.1:${neighbour.server.address().port}`;
    return neighbour;
  }

  async #answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname } = new URL(request.url, this.base);
    if (request.method === 'POST') {
      this.delivered.push({ path: pathname, headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(200).end();
    } else if (pathname.startsWith('/gone')) {
      response.writeHead(404).end('gone');
    } else if (pathname.endsWith('.jpg')) {
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sample('photo.jpg'));
    } else {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('from afar');
    }
  }
}
