/** A ring tone: two bells and a pause, until it is stopped. Silent until the user has clicked in the page. */
export interface RingTone {
  /** To be called in a click: browsers give pages sound only after one. */
  unlock(): void;
  /** `far`: the tone that a caller hears while the other end rings. */
  start(far?: boolean): void;
  stop(): void;
}

export function createRingTone(): RingTone {
  let context: AudioContext | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let sounding: OscillatorNode[] = [];

  const strike = (frequency: number, at: number, length: number, volume: number) => {
    if (context === undefined) return;
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(volume, at + 0.02);
    gain.gain.setTargetAtTime(0, at + length, 0.05);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + length + 0.4);
    sounding.push(tone);
  };

  const ring = (far: boolean) => {
    if (context?.state !== "running") return;
    sounding = [];
    const now = context.currentTime;
    if (far) strike(425, now, 1, 0.04);
    else
      for (const start of [0, 0.6]) {
        for (let n = 0; n < 5; n++) strike(n % 2 === 0 ? 660 : 550, now + start + n * 0.08, 0.06, 0.12);
      }
  };

  return {
    unlock() {
      if (navigator.userActivation?.hasBeenActive === false) return;
      context ??= new AudioContext();
      if (context.state === "suspended") context.resume().catch(() => undefined);
    },
    start(far = false) {
      this.stop();
      ring(far);
      timer = setInterval(ring, far ? 4_000 : 2_400, far);
    },
    stop() {
      clearInterval(timer);
      for (const tone of sounding) tone.stop();
      sounding = [];
    },
  };
}
