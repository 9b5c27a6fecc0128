// Preloaded into a node by the fault tests: its wall clock is off by TEST_CLOCK_SKEW ms. Timers run as ever.
const skew = Number(process.env.TEST_CLOCK_SKEW ?? 0);
const RealDate = Date;
const trueNow = Date.now;

class SkewedDate extends RealDate {
  constructor(...args: unknown[]) {
    super(...((args.length === 0 ? [trueNow() + skew] : args) as [number]));
  }

  static override now(): number {
    return trueNow() + skew;
  }
}

globalThis.Date = SkewedDate as DateConstructor;
