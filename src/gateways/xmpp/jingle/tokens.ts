/** Whether a text can stand as one field of an SDP line: printable ASCII without spaces. */
export function isToken(text: string | undefined, most = 128): text is string {
  return text !== undefined && text.length <= most && /^[!-~]+$/.test(text);
}

/** Whether a text can stand at the end of an SDP line: no line ends, nor other control characters. */
export function isLineText(text: string, most = 1_024): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in a line.
  return text.length <= most && !/[\u0000-\u001f\u007f]/.test(text);
}

/** A number that is written in decimal digits; undefined where it is none, or above `most`. */
export function decimal(text: string | undefined, most: number): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value > most ? undefined : value;
}
