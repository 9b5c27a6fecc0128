import { ascii, concat, u8, u16, u32 } from "../package/boxes.ts";

/** A value of AMF0, as far as RTMP commands have them. Undefined is AMF0's undefined. */
export type AmfValue = number | boolean | string | null | undefined | readonly AmfValue[] | AmfObject;
interface AmfObject {
  readonly [name: string]: AmfValue;
}

const marker = {
  number: 0,
  boolean: 1,
  string: 2,
  object: 3,
  null: 5,
  undefined: 6,
  ecmaArray: 8,
  end: 9,
  strictArray: 10,
  date: 11,
  longString: 12,
} as const;
/** Values within values, and values of one message, at most. */
const [deepest, mostValues] = [8, 256];

/** The values one after the other, as AMF0. Texts are of at most 65,535 bytes. */
export function encodeAmf(...values: readonly AmfValue[]): Uint8Array {
  return concat(values.map(encodeValue));
}

function encodeValue(value: AmfValue): Uint8Array {
  if (typeof value === "number") {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setFloat64(1, value);
    return bytes;
  }
  if (typeof value === "boolean") return u8(marker.boolean, value ? 1 : 0);
  if (typeof value === "string") return concat([u8(marker.string), encodeText(value)]);
  if (value === null) return u8(marker.null);
  if (value === undefined) return u8(marker.undefined);
  if (Array.isArray(value))
    return concat([u8(marker.strictArray), u32(value.length), ...value.map(encodeValue)]);
  const fields = Object.entries(value).flatMap(([name, field]) => [encodeText(name), encodeValue(field)]);
  return concat([u8(marker.object), ...fields, u16(0), u8(marker.end)]);
}

function encodeText(text: string): Uint8Array {
  const bytes = /^[\x20-\x7e]*$/.test(text) ? ascii(text) : new TextEncoder().encode(text);
  return concat([u16(bytes.length), bytes]);
}

/** The values of a message; undefined for malformed AMF0, or for more than a command has. Never throws. */
export function decodeAmf(bytes: Uint8Array): AmfValue[] | undefined {
  const reader = new AmfReader(bytes);
  const values: AmfValue[] = [];
  while (!reader.done) {
    const value = reader.value(0);
    if (reader.failed) return undefined;
    values.push(value);
  }
  return values;
}

class AmfReader {
  failed = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.failed || this.#at >= this.#bytes.length;
  }

  value(depth: number): AmfValue {
    if (depth > deepest || ++this.#count > mostValues) this.failed = true;
    const type = this.#has(1) ? this.#view.getUint8(this.#at++) : -1;
    switch (type) {
      case marker.number:
        return this.#number();
      case marker.boolean:
        return this.#has(1) ? this.#view.getUint8(this.#at++) !== 0 : undefined;
      case marker.string:
        return this.#text(this.#has(2) ? this.#view.getUint16(this.#skip(2)) : 0);
      case marker.longString:
        return this.#text(this.#has(4) ? this.#view.getUint32(this.#skip(4)) : 0);
      case marker.ecmaArray:
        if (this.#has(4)) this.#skip(4);
        return this.#object(depth);
      case marker.object:
        return this.#object(depth);
      case marker.strictArray:
        return this.#array(depth);
      case marker.date: {
        const time = this.#number();
        if (this.#has(2)) this.#skip(2);
        return time;
      }
      case marker.null:
        return null;
      case marker.undefined:
        return undefined;
      default:
        this.failed = true;
        return undefined;
    }
  }

  #has(bytes: number): boolean {
    if (this.#at + bytes > this.#bytes.length) this.failed = true;
    return !this.failed;
  }

  /** Answers where it was. */
  #skip(bytes: number): number {
    this.#at += bytes;
    return this.#at - bytes;
  }

  #number(): number {
    return this.#has(8) ? this.#view.getFloat64(this.#skip(8)) : 0;
  }

  #text(length: number): string {
    if (!this.#has(length)) return "";
    const at = this.#skip(length);
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }

  #object(depth: number): AmfObject {
    const fields: [string, AmfValue][] = [];
    while (this.#has(3)) {
      const name = this.#text(this.#view.getUint16(this.#skip(2)));
      if (name === "" && this.#bytes[this.#at] === marker.end) {
        this.#at++;
        break;
      }
      fields.push([name, this.value(depth + 1)]);
    }
    return Object.fromEntries(fields);
  }

  #array(depth: number): AmfValue[] {
    const count = this.#has(4) ? this.#view.getUint32(this.#skip(4)) : 0;
    const values: AmfValue[] = [];
    for (let n = 0; n < count && !this.failed; n++) values.push(this.value(depth + 1));
    return values;
  }
}
