// What every fake vendor stands on: a clock that only moves when told, faults, a journal of requests, and an HTTP
// server whose paths under /_control/ belong to the tests.

import http from 'node:http';

const kBodyLimit = 16 << 20;

export class Clock {
  constructor(start = Date.UTC(2026, 10, 21, 12)) {
    this.now = start;
    this.perRequest = 0; // how far each request moves it, in milliseconds
    this.due = [];
    this.order = 0;
  }

  iso(at = this.now) {
    return new Date(at).toISOString();
  }

  /** Calls `what` once the clock has moved that far. */
  after(delay, what) {
    const timer = { at: this.now + delay, order: this.order++, what };
    this.due.push(timer);
    return timer;
  }

  cancel(timer) {
    this.due = this.due.filter((other) => other !== timer);
  }

  advance(by) {
    const end = this.now + by;
    for (;;) {
      const next = this.#earliest();
      if (!next || next.at > end) break;
      this.cancel(next);
      this.now = next.at;
      next.what();
    }
    this.now = end;
  }

  /** Moves on until `is_so`, event by event, at most that far. Whether it became so. */
  advanceUntil(isSo, atMost) {
    const end = this.now + atMost;
    while (!isSo()) {
      const next = this.#earliest();
      if (!next || next.at > end) {
        this.advance(end - this.now);
        return isSo();
      }
      this.advance(next.at - this.now);
    }
    return true;
  }

  #earliest() {
    return this.due.reduce(
      (best, timer) =>
        !best || timer.at < best.at || (timer.at === best.at && timer.order < best.order) ? timer : best,
      undefined,
    );
  }
}

/** A token bucket on the mock clock. */
export class Bucket {
  constructor(clock, perSecond, burst) {
    Object.assign(this, { clock, perSecond, burst, tokens: burst, at: clock.now });
  }

  take() {
    const { now } = this.clock;
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.at) / 1000) * this.perSecond);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}

/**
 * Faults that a test asked for: {match, skip, times, effect, status, body, headers, delay}. `match` is a regular
 * expression over the request's label; `effect` is
 *   refuse  answers with `status` and `body`, and nothing happens
 *   lose    it happens, and the connection breaks instead of the answer
 *   late    it happens, and the answer comes `delay` real milliseconds later
 *   burn    it happens after the mock clock went on by `delay`
 */
class Faults {
  constructor() {
    this.list = [];
  }

  add(fault) {
    this.list.push({ skip: 0, times: 1, effect: 'refuse', ...fault, match: new RegExp(fault.match ?? '.*') });
  }

  take(label) {
    for (const fault of this.list) {
      if (fault.times === 0 || !fault.match.test(label)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      return fault;
    }
    return undefined;
  }
}

function read(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > kBodyLimit) reject(new Error('the body is too large'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}

function answer(response, { status = 200, body, headers = {} }) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = text === '' ? {} : { 'content-type': 'application/json' };
  response.writeHead(status, { ...type, 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

/**
 * A vendor is {reset(clock), handle(request) → answer, label(request), state(), act(what) → anything}. `request` is
 * {method, path, query, headers, body}.
 */
export class World {
  constructor(makeVendor) {
    this.makeVendor = makeVendor;
    this.reset();
  }

  reset() {
    this.clock = new Clock();
    this.faults = new Faults();
    this.requests = [];
    this.vendor = this.makeVendor(this.clock);
  }

  control(path, body) {
    const { clock } = this;
    switch (path) {
      case 'reset':
        this.reset();
        return {};
      case 'clock':
        if (body.perRequest !== undefined) clock.perRequest = body.perRequest;
        if (body.advance) clock.advance(body.advance);
        return { now: clock.now };
      case 'fault':
        this.faults.add(body);
        return {};
      case 'clearFaults':
        this.faults = new Faults();
        return {};
      case 'requests':
        return { count: this.requests.length, requests: this.requests };
      case 'forget':
        this.requests = [];
        return {};
      case 'state':
        return this.vendor.state();
      case 'act':
        return this.vendor.act(body) ?? {};
      default:
        throw new Error(`there is no control '${path}'`);
    }
  }

  async serve(request, response) {
    const url = new URL(request.url, 'http://fake');
    const text = await read(request);
    if (url.pathname.startsWith('/_control/')) {
      const body = text === '' ? {} : JSON.parse(text);
      return answer(response, { body: this.control(url.pathname.slice('/_control/'.length), body) });
    }
    const parsed = {
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
    return this.play(parsed, response);
  }

  async play(request, response) {
    this.clock.advance(this.clock.perRequest);
    const label = this.vendor.label(request);
    const fault = this.faults.take(label);
    const entry = { at: this.clock.now, label };
    this.requests.push(entry);
    if (fault?.effect === 'refuse') {
      entry.status = fault.status ?? 500;
      return answer(response, { ...fault, status: entry.status, body: fault.body ?? { error: 'injected' } });
    }
    if (fault?.effect === 'burn') this.clock.advance(fault.delay);
    const result = await this.vendor.handle(request);
    entry.status = result.status ?? 200;
    if (fault?.effect === 'lose') return response.socket.destroy();
    if (fault?.effect === 'late') await new Promise((resolve) => setTimeout(resolve, fault.delay));
    return answer(response, result);
  }

  /** Listens on loopback and prints the port as one line of JSON. */
  listen(port = 0) {
    const server = http.createServer((request, response) => {
      this.serve(request, response).catch((failure) => {
        if (!response.headersSent) answer(response, { status: 500, body: { error: String(failure.stack) } });
      });
    });
    server.listen(port, '127.0.0.1', () => {
      process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
    });
    return server;
  }
}
