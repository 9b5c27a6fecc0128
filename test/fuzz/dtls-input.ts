import { chromiumHello } from "../dtls/support/chromium-hello.ts";
import { fragment, type Message, message, messagesIn, record } from "../dtls/support/forge.ts";
import { Pair } from "../dtls/support/pair.ts";
import { anyBytes, changedBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";

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

/** A message of a handshake with changes, or one that is made up. */
function anyMessage(random: Random): Message {
  if (random.chance(1 / 6))
    return { type: random.pick(types), sequence: random.int(0, 9), body: anyBytes(random, 200) };
  const one = random.pick(messages);
  return { ...one, body: changedBytes(random, one.body) };
}

/** The content of a handshake record: whole messages or parts of them, mostly well-framed. */
export function handshakeContent(random: Random): Uint8Array {
  return several(random, 4, () => {
    const { type, sequence, body } = anyMessage(random);
    const [from, to] = random.chance(0.75)
      ? [0, body.length]
      : [random.int(0, body.length), random.int(0, 1_500)];
    return fragment(
      type,
      random.chance(0.1) ? random.int(0, 0xffffff) : body.length,
      random.chance(0.2) ? random.int(0, 9) : sequence,
      Math.min(from, to),
      body.subarray(Math.min(from, to), Math.max(from, to)),
    );
  });
}

function wellFramed(random: Random): Uint8Array {
  return several(random, 3, () => {
    const type = random.chance(6 / 7) ? 22 : random.pick([20, 21, 23, 24, 25]);
    const content = handshakeContent(random);
    // Alerts and ChangeCipherSpec are short.
    const body = type < 22 ? content.subarray(0, 2) : content;
    const epoch = random.chance(6 / 7) ? 0 : random.int(0, 3);
    const length = random.chance(0.1) ? random.int(0, 20_000) : body.length;
    return record(type, body, { epoch, sequence: random.int(0, 70), length });
  });
}

function several(random: Random, most: number, make: () => Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: random.int(1, most) }, make)));
}

/** Datagrams that are nearly DTLS: those of a real handshake with changes, well-framed ones that make no sense, and noise. */
export function almostDtls(random: Random): Uint8Array {
  const kind = random.int(0, 7);
  if (kind < 4) return wellFramed(random);
  return kind < 7 ? changedBytes(random, random.pick(datagrams)) : anyBytes(random, 200);
}
