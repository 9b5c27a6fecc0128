import fc from "fast-check";
import { chromiumHello } from "../dtls/support/chromium-hello.ts";
import { fragment, type Message, message, messagesIn, record } from "../dtls/support/forge.ts";
import { Pair } from "../dtls/support/pair.ts";

/** All that both sides of a handshake have sent, and the messages of it in the clear. */
function recorded(): { readonly datagrams: Uint8Array[]; readonly messages: Message[] } {
  const datagrams: Uint8Array[] = [...chromiumHello];
  const note = (bytes: Uint8Array) => {
    datagrams.push(bytes);
    return [bytes];
  };
  new Pair({ toServer: note, toClient: note }).run(50);
  const helloVerify = { type: 3, sequence: 0, body: Uint8Array.of(0xfe, 0xff, 4, 1, 2, 3, 4) };
  datagrams.push(message(3, 0, helloVerify.body));
  return { datagrams, messages: [...messagesIn(datagrams), helloVerify] };
}

const { datagrams, messages } = recorded();
const types = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20];

type Change = readonly [at: number, value: number];
const changes = fc.array(fc.tuple(fc.nat(1_500), fc.nat(255)), { maxLength: 4 });

/** The bytes with some changed, and some cut off or added at the end. */
function changed(bytes: Uint8Array, list: readonly Change[], cut: number): Uint8Array {
  const result = new Uint8Array(Math.max(0, bytes.length + cut));
  result.set(bytes.subarray(0, result.length));
  for (const [at, value] of list) if (result.length > 0) result[at % result.length] = value;
  return result;
}

const cuts = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -40, max: 40 }));
const bodies = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.constantFrom(...messages), changes, cuts)
      .map(([one, list, cut]) => ({ ...one, body: changed(one.body, list, cut) })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom(...types),
      sequence: fc.nat(9),
      body: fc.uint8Array({ maxLength: 200 }),
    }),
  },
);

/** The content of a handshake record: whole messages or parts of them, mostly well-framed. */
export const handshakeContent: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc
      .tuple(
        bodies,
        fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.nat(9)),
        fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.tuple(fc.nat(1_500), fc.nat(1_500))),
        fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.nat(0xffffff)),
      )
      .map(([{ type, sequence, body }, otherSequence, range, lie]) => {
        const [from, to] = range ?? [0, body.length];
        const start = Math.min(from, to, body.length);
        const part = body.subarray(start, Math.max(from, to));
        return fragment(type, lie ?? body.length, otherSequence ?? sequence, start, part);
      }),
    { minLength: 1, maxLength: 4 },
  )
  .map((fragments) => new Uint8Array(Buffer.concat(fragments)));

const wellFramed = fc
  .array(
    fc
      .tuple(
        fc.oneof({ weight: 6, arbitrary: fc.constant(22) }, fc.constantFrom(20, 21, 23, 24, 25)),
        handshakeContent,
        fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(3)),
        fc.nat(70),
        fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.nat(20_000)),
      )
      .map(([type, content, epoch, sequence, lie]) => {
        // Alerts and ChangeCipherSpec are short.
        const body = type < 22 ? content.subarray(0, 2) : content;
        return record(type, body, lie === undefined ? { epoch, sequence } : { epoch, sequence, length: lie });
      }),
    { minLength: 1, maxLength: 3 },
  )
  .map((records) => new Uint8Array(Buffer.concat(records)));

/** Datagrams that are nearly DTLS: those of a real handshake with changes, well-framed ones that make no sense, and noise. */
export const almostDtls: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: wellFramed },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...datagrams), changes, cuts)
      .map(([bytes, list, cut]) => changed(bytes, list, cut)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);
