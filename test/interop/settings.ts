const many = 1_000_000;

/** Settings of the server of a run: all load comes from one address, and each user calls without a pause. */
export const settings = {
  sip: { tcp: { enabled: true, port: 0 } },
  limits: {
    callsPerMinute: many,
    callsBurst: many,
    connectsPerSecond: many,
    connectsBurst: many,
    linksPerAddress: many,
  },
};
