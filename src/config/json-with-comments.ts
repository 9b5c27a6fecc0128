import { fail, ok, type Result } from "../shared/result.ts";

/** Parses JSON in which `//` and block comments, and a comma after the last element, are allowed. */
export function parseJsonWithComments(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(plain(text)));
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Strings are matched first, so that what looks like a comment inside of one stays. */
const token = /("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const lastComma = /("(?:[^"\\]|\\.)*")|(?<=[^\s[{,]\s*),(?=\s*[}\]])/g;

function plain(text: string): string {
  const keepString = (_match: string, string?: string): string => string ?? "";
  return text.replace(token, keepString).replace(lastComma, keepString);
}
