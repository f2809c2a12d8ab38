// What a real client finds at a server: run by a browser in a page of another origin, and by node.

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const digest = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const refused = (promise) => promise.then(() => "let in", (error) => error.name);

const checks = {
  async "an answer with a field that is exposed"({ api }) {
    const answer = await fetch(`${api}/json`);
    return [answer.status, answer.headers.get("x-total"), await answer.json()];
  },
  async "a request that needs a preflight"({ api }) {
    const headers = { "content-type": "application/json", "x-custom": "yes" };
    const answer = await fetch(`${api}/json`, { method: "PUT", headers, body: JSON.stringify({ a: "ü" }) });
    return [answer.status, await answer.json()];
  },
  async "a problem"({ api }) {
    const answer = await fetch(`${api}/nothing`);
    return [answer.status, answer.headers.get("content-type"), (await answer.json()).code];
  },
  async "a redirection that is followed"({ api }) {
    const answer = await fetch(`${api}/redirect`, { method: "POST", body: "x" });
    return [answer.redirected, new URL(answer.url).pathname, answer.status];
  },
  async "HEAD and no content"({ api }) {
    const head = await fetch(`${api}/json`, { method: "HEAD" });
    const none = await fetch(`${api}/none`);
    return [head.status, await head.text(), none.status, await none.text()];
  },
  async "a compressed body"({ api }) {
    const answer = await fetch(`${api}/large`);
    return [await answer.text() === "all work and no play ".repeat(5000), (await (await fetch(`${api}/encodings`)).json()).length > 0];
  },
  async "a file, again, and a range of it"({ api }) {
    const first = await (await fetch(`${api}/file`)).text();
    const again = await fetch(`${api}/file`, { cache: "no-cache" });
    const range = await fetch(`${api}/file`, { headers: { range: "bytes=2-4" } });
    return [first, again.status, await again.text(), range.status, await range.text()];
  },
  async "an upload in parts"({ api }) {
    const file = new Uint8Array(5_000_000).map((_, index) => index * 7 + (index >> 8));
    const form = new FormData();
    form.append("field", 'grüße "quoted"\r\nand a line');
    form.append("file", new Blob([file], { type: "image/png" }), 'na"me é.png');
    const answer = await fetch(`${api}/upload`, { method: "POST", body: form });
    const parts = await answer.json();
    return [parts[0], parts[1].slice(0, 4), parts[1][4] === (await digest(file))];
  },
  async "a stream as it comes"({ api }) {
    const reader = (await fetch(`${api}/ticks`)).body.getReader();
    const times = [];
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
      times.push(performance.now());
    }
    return [text, times.at(-1) - times[0] > 100];
  },
  async "an abort"({ api }) {
    // Chromium sometimes keeps the connection of what is aborted right after its first bytes: that is no fault
    // of the server, which is told nothing. So it gets a moment, and another request if it needs one.
    for (let requests = 0; requests < 5; requests++) {
      const abort = new AbortController();
      const answer = await fetch(`${api}/forever`, { signal: abort.signal });
      await answer.body.getReader().read();
      await pause(100);
      abort.abort();
      for (let tries = 0; tries < 50; tries++) {
        const reasons = await (await fetch(`${api}/aborted`)).json();
        if (reasons.length) return [...new Set(reasons)];
        await pause(20);
      }
    }
    return "never";
  },
  async "many at once"({ api }) {
    const answers = await Promise.all([...Array(40).keys()].map((number) => fetch(`${api}/echo?n=${number}`)));
    const numbers = await Promise.all(answers.map((answer) => answer.text()));
    return numbers.every((text, number) => text === `n=${number}`);
  },
  async "a WebSocket"({ api }) {
    const socket = new WebSocket(`${api.replace("http", "ws")}/socket`, ["a", "b"]);
    socket.binaryType = "arraybuffer";
    const received = [];
    const closed = new Promise((resolve) => (socket.onclose = (event) => resolve([event.code, event.reason, event.wasClean])));
    socket.onmessage = ({ data }) => {
      received.push(typeof data === "string" ? data.slice(0, 20) : [data.byteLength, new Uint8Array(data)[99]]);
      if (received.length === 3) socket.send("close");
    };
    await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
    socket.send("héllo");
    socket.send("long ".repeat(20_000));
    socket.send(new Uint8Array(100_000).fill(7));
    return [await closed, received, socket.protocol, socket.extensions.startsWith("permessage-deflate")];
  },
  async "server-sent events, and where they go on"({ api }) {
    const source = new EventSource(`${api}/events`);
    const found = [];
    await new Promise((resolve) => {
      source.addEventListener("tick", (event) => {
        found.push([event.lastEventId, event.data]);
        if (found.length === 4) resolve();
      });
    });
    source.close();
    return found;
  },
};

const inBrowsers = {
  async "cookies only where they are asked for"({ api }) {
    await fetch(`${api}/login`, { method: "POST", credentials: "include" });
    const ask = async (credentials) => (await fetch(`${api}/me`, { credentials })).json();
    return [await ask("include"), await ask("omit"), document.cookie];
  },
  async "a field that is not exposed"({ api }) {
    return (await fetch(`${api}/json`)).headers.get("x-secret");
  },
  async "what the preflight forbids"({ api }) {
    return [
      await refused(fetch(`${api}/json`, { headers: { "x-other": "no" } })),
      await refused(fetch(`${api}/json`, { method: "DELETE" })),
    ];
  },
  async "a server that lets nobody in"({ closed }) {
    const socket = new WebSocket(`${closed.replace("http", "ws")}/socket`);
    const code = await new Promise((resolve) => (socket.onclose = (event) => resolve(event.code)));
    return [await refused(fetch(`${closed}/json`)), code];
  },
};

const inNode = {
  async "a body that is still being made"({ api }) {
    let left = 40;
    const body = new ReadableStream({
      async pull(controller) {
        await pause(1);
        if (left-- > 0) controller.enqueue(new Uint8Array(50_000).fill(left));
        else controller.close();
      },
    });
    const answer = await fetch(`${api}/size`, { method: "POST", body, duplex: "half" });
    return await answer.json();
  },
};

export async function run(where) {
  const found = {};
  for (const [name, check] of Object.entries({ ...checks, ...(where.browser ? inBrowsers : inNode) })) {
    try {
      found[name] = await Promise.race([check(where), pause(15_000).then(() => "timed out")]);
    } catch (error) {
      found[name] = String(error && error.stack || error);
    }
  }
  return found;
}
