// H.264 of one colour without an encoder: every macroblock is written as it is (I_PCM), in a constrained baseline stream of 64 × 48.

const [width, height] = [4, 3];
const yuv = { red: [76, 85, 255], green: [150, 44, 21], blue: [29, 255, 107] };

class Bits {
  bytes = [];
  #byte = 0;
  #count = 0;

  u(length, value) {
    for (let bit = length - 1; bit >= 0; bit--) {
      this.#byte = (this.#byte << 1) | ((value >> bit) & 1);
      if (++this.#count === 8) {
        this.bytes.push(this.#byte);
        this.#byte = 0;
        this.#count = 0;
      }
    }
    return this;
  }

  /** Exp-Golomb (ITU-T H.264 §9.1). */
  ue(...values) {
    for (const value of values) {
      const length = Math.floor(Math.log2(value + 1));
      this.u(length, 0).u(length + 1, value + 1);
    }
    return this;
  }

  align() {
    while (this.#count > 0) this.u(1, 0);
    return this;
  }

  /** The end of a NAL unit, and its bytes with emulation prevention (§7.4.1). */
  nal(header) {
    this.u(1, 1).align();
    const nal = [header];
    let zeros = 0;
    for (const byte of this.bytes) {
      if (zeros >= 2 && byte <= 3) {
        nal.push(3);
        zeros = 0;
      }
      nal.push(byte);
      zeros = byte === 0 ? zeros + 1 : 0;
    }
    return Buffer.from(nal);
  }
}

const sps = new Bits()
  .u(24, 0x42e01f)
  .ue(0, 0, 2, 1)
  .u(1, 0)
  .ue(width - 1, height - 1)
  .u(4, 0b1100)
  .nal(0x67);
const pps = new Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0).nal(0x68);

/** The NAL units of one picture of the colour, which needs no other picture. */
export function picture(color, number) {
  const slice = new Bits()
    .ue(0, 7, 0)
    .u(4, 0)
    .ue(number % 2)
    .u(2, 0)
    .ue(0);
  const [y = 0, u = 0, v = 0] = yuv[color];
  for (let block = 0; block < width * height; block++) {
    slice.ue(25).align();
    for (const [value, count] of [
      [y, 256],
      [u, 64],
      [v, 64],
    ])
      for (let at = 0; at < count; at++) slice.u(8, value);
  }
  return [sps, pps, slice.nal(0x65)];
}

/** RTP payloads of NAL units (RFC 6184 §5.6, §5.8): small ones alone, large ones in fragments. */
export function payloads(nals) {
  return nals.flatMap((nal) => {
    if (nal.length <= 1_100) return [nal];
    const parts = [];
    for (let at = 1; at < nal.length; at += 1_100) {
      const [first, last] = [at === 1 ? 0x80 : 0, at + 1_100 >= nal.length ? 0x40 : 0];
      const header = [(nal[0] & 0xe0) | 28, first | last | (nal[0] & 0x1f)];
      parts.push(Buffer.concat([Buffer.from(header), nal.subarray(at, at + 1_100)]));
    }
    return parts;
  });
}
