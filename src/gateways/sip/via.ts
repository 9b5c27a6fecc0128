import { isToken } from "./characters.ts";
import { formatParameters, type Parameters, parseParameters } from "./parameters.ts";
import { parseHostPort } from "./uri.ts";

/** One hop of a Via (RFC 3261 §20.42). */
export interface Via {
  /** Upper case: `WS`, `WSS`, `TCP`, `TLS`, `UDP` … */
  readonly transport: string;
  /** Where the sender wants its responses. Over a WebSocket it is never resolved or rewritten (RFC 7118 §5.2). */
  readonly host: string;
  readonly port: number | undefined;
  readonly parameters: Parameters;
  /** Empty when there is none, as in RFC 2543. */
  readonly branch: string;
}

/** The first characters of every branch of RFC 3261. A branch without them is not unique (§8.1.1.7). */
export const branchCookie = "z9hG4bK";

/** Parses one value. There may be blanks around each `/` and `:`. Undefined for versions other than 2.0. */
export function parseVia(text: string): Via | undefined {
  const first = text.indexOf("/");
  const second = text.indexOf("/", first + 1);
  if (first < 0 || second < 0) return undefined;
  if (text.slice(0, first).trim().toUpperCase() !== "SIP" || text.slice(first + 1, second).trim() !== "2.0")
    return undefined;
  const rest = text.slice(second + 1).trimStart();
  const blank = firstBlank(rest);
  const transport = rest.slice(0, blank).toUpperCase();
  if (blank === rest.length || !isToken(transport)) return undefined;
  const semicolon = rest.indexOf(";", blank);
  const end = semicolon < 0 ? rest.length : semicolon;
  const where = parseHostPort(withoutBlanksAtColon(rest.slice(blank, end).trim()));
  const parameters = parseParameters(rest, end);
  return (
    where &&
    parameters && {
      transport,
      host: where.host,
      port: where.port,
      parameters,
      branch: parameters.get("branch") ?? "",
    }
  );
}

export function formatVia({ transport, host, port, parameters }: Via): string {
  return `SIP/2.0/${transport} ${host}${port === undefined ? "" : `:${port}`}${formatParameters(parameters)}`;
}

function firstBlank(text: string): number {
  for (let at = 0; at < text.length; at++) if (text[at] === " " || text[at] === "\t") return at;
  return text.length;
}

function withoutBlanksAtColon(text: string): string {
  const colon = text.lastIndexOf(":");
  return colon < 0 ? text : `${text.slice(0, colon).trimEnd()}:${text.slice(colon + 1).trimStart()}`;
}
