"""What every client in TypeScript begins with: how a request is sent, and how what comes back is read."""

from __future__ import annotations

from typing import Final

__all__ = ["RUNTIME"]

RUNTIME: Final = """\
/** Problem details, RFC 9457. */
export interface ProblemDetails {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: ReadonlyArray<{ readonly pointer: string; readonly code: string; readonly message: string }>;
}

/** An answer that the operation does not declare as a success. `body` has its JSON, where it has any. */
export class ProblemError<Status extends number = number, Body = unknown> extends Error {
  readonly status: Status;
  readonly problem: ProblemDetails;
  readonly body: Body;

  constructor(status: Status, problem: ProblemDetails, body: Body) {
    super(problem.title ?? `status ${status}`);
    this.name = "ProblemError";
    this.status = status;
    this.problem = problem;
    this.body = body;
  }
}

export interface ClientOptions {
  /** Where the API is, such as `https://example.org`; without a slash at the end. */
  readonly baseUrl: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the global `fetch`. */
  readonly fetch?: (input: string, init: RequestInit) => Promise<Response>;
}

/** A body that is sent as it is. */
export type RawBody = Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array> | string;

type Values = Readonly<Record<string, unknown>>;

function textOf(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function queryOf(values: object | undefined): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values ?? {})) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) found.append(name, textOf(item));
  }
  const text = found.toString();
  return text === "" ? "" : `?${text}`;
}

/** A parameter that may hold slashes: each part between them is escaped. */
function restOf(value: unknown): string {
  return textOf(value).split("/").map(encodeURIComponent).join("/");
}

interface Given {
  query?: object;
  headers?: object;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: RawBody;
  contentType?: string;
  signal?: AbortSignal;
}

async function send(
  options: ClientOptions, method: string, path: string, accept: string, given: Given,
): Promise<Response> {
  const headers: Record<string, string> = { accept, ...options.headers };
  for (const [name, value] of Object.entries((given.headers ?? {}) as Values)) {
    if (value !== undefined) headers[name.replaceAll("_", "-")] = textOf(value);
  }
  const init: RequestInit = { method, headers };
  if (given.raw !== undefined) {
    const kind = given.raw instanceof Blob ? given.raw.type : "";
    headers["content-type"] = given.contentType ?? (kind === "" ? "application/octet-stream" : kind);
    init.body = given.raw as BodyInit;
    // fetch sends a stream only when it is told that the answer comes after it
    if (given.raw instanceof ReadableStream) Object.assign(init, { duplex: "half" });
  } else if (given.body !== undefined) {
    headers["content-type"] = "application/json";
    init.body = JSON.stringify(given.body);
  }
  if (given.signal !== undefined) init.signal = given.signal;
  return await (options.fetch ?? fetch)(options.baseUrl + path + queryOf(given.query), init);
}

async function refused(answer: Response): Promise<ProblemError> {
  const text = await answer.text();
  let body: unknown = undefined;
  try {
    body = text === "" ? undefined : JSON.parse(text);
  } catch {
    // it is no JSON
  }
  const problem = typeof body === "object" && body !== null ? (body as ProblemDetails) : {};
  return new ProblemError(answer.status, problem, body ?? text);
}

function mediaOf(answer: Response): string {
  return ((answer.headers.get("content-type") ?? "").split(";")[0] ?? "").trim().toLowerCase();
}

async function call(
  options: ClientOptions, method: string, path: string, accept: string, success: readonly number[],
  forms: string, given: Given,
): Promise<unknown> {
  const answer = await send(options, method, path, accept, given);
  if (!success.includes(answer.status)) throw await refused(answer);
  const media = mediaOf(answer);
  const isJson = media === "application/json" || media.endsWith("+json");
  if (forms !== "json" && !(isJson && forms.includes("json"))) {
    if (!forms.includes("bytes") || (forms.includes("text") && media.startsWith("text/"))) return await answer.text();
    return await answer.blob();
  }
  const text = await answer.text();
  return text === "" ? undefined : JSON.parse(text);
}

async function* chunksOf(answer: Response): AsyncGenerator<Uint8Array, void, undefined> {
  if (answer.body === null) return;
  const reader = answer.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // whoever leaves the loop early does not want the rest
    await reader.cancel().catch(() => undefined);
  }
}

/** Lines without their ends; what comes after the last end is a line when `last` says so. */
async function* linesOf(answer: Response, ends: RegExp, last: boolean): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of chunksOf(answer)) {
    const text = decoder.decode(chunk, { stream: true });
    parts.push(text);
    if (!text.includes("\\n") && !text.includes("\\r")) continue;
    // a carriage return at the end may be half of an end
    const lines = parts.join("").split(ends);
    parts = [lines.pop() ?? ""];
    yield* lines;
  }
  const rest = (parts.join("") + decoder.decode()).replace(/\\r$/, "");
  if (last && rest !== "") yield rest;
}

/** The text of an item that is written as it is when it is text, and as JSON otherwise. */
function itemOf(text: string, kind: string): unknown {
  if (kind === "text") return text;
  if (kind === "json") return JSON.parse(text);
  try {
    const value: unknown = JSON.parse(text);
    return kind === "string" && typeof value !== "string" ? text : value;
  } catch {
    return text;
  }
}

/** Yields the items of an answer as they come; leaving the loop, or the signal, closes the connection. */
async function* items(
  options: ClientOptions, method: string, path: string, accept: string, success: readonly number[],
  kind: string, given: Given,
): AsyncGenerator<unknown, void, undefined> {
  const answer = await send(options, method, path, accept, given);
  if (!success.includes(answer.status)) throw await refused(answer);
  const media = mediaOf(answer);
  if (media === "text/event-stream") {
    let data: string[] = [];
    for await (const line of linesOf(answer, /\\r\\n|\\n|\\r(?!$)/, false)) {
      if (line === "") {
        if (data.length > 0) yield itemOf(data.join("\\n"), kind);
        data = [];
      } else if (line === "data" || line.startsWith("data:")) {
        data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  } else if (media.endsWith("ndjson")) {
    for await (const line of linesOf(answer, /\\r?\\n/, true)) {
      if (line.trim() !== "") yield JSON.parse(line);
    }
  } else {
    yield* chunksOf(answer);
  }
}
"""
