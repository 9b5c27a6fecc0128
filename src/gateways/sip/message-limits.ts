/** The limits of a message. A larger one is refused before it is parsed. */
export const messageLimits = {
  /** Bytes of a whole message. */
  message: 65_536,
  /** Bytes of everything before the body. */
  head: 32_768,
  /** Headers. A folded one counts once. */
  headers: 128,
  /** Characters of a header or of the start line, unfolded. */
  line: 8_192,
} as const;
