/** The timer values of RFC 3261 §17.1.1.1, in ms: estimated round trip, longest retransmission interval, life of a message. */
export const t1 = 500;
export const t2 = 4_000;
export const t4 = 5_000;
/** How long a transaction waits: timers B, F, H, J, L and M. */
export const giveUp = 64 * t1;
