import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { every } from "../net/clock.ts";
import { RoomPolicy } from "../protocol/values.ts";
import type { CoreContext } from "./service.ts";
import { readState, stateFolder, writeState } from "./state-folder.ts";

const fileName = "rooms.json";
/** How often other nodes are asked for theirs. ms */
const syncEvery = 60_000;

const Entry = Type.Object({
  room: Type.String({ maxLength: 264 }),
  policy: RoomPolicy,
  at: Type.Integer({ minimum: 0 }),
});
const Entries = Type.Array(Entry);
const isEntries = Compile(Entries);
type Entry = Static<typeof Entry>;

/** What is told to every node, and what each answers: all that it knows. */
const question = {
  name: "rooms",
  argument: Type.Object({ entries: Entries }),
  answer: Type.Object({ entries: Entries }),
} as const;

/** Rooms that the API has opened, at this node and the others. */
export interface OpenedByApi {
  /** False: there are too many already. */
  open(room: string, policy: RoomPolicy): Promise<boolean>;
  /** The rules of a room that was opened. */
  policyOf(room: string): RoomPolicy | undefined;
  stop(): void;
}

/** Takes rooms into use that were opened before. They are kept in the state folder, and nodes tell each other of them. */
export function startOpenedRooms({ settings, core, log, now }: CoreContext): OpenedByApi {
  const folder = stateFolder(settings.stateFolder);
  const { rooms } = core.core;
  const failed = (error: unknown): void =>
    log.error({ err: error }, "rooms that the API has opened can't be kept in the state folder");
  const kept = (): string => `${JSON.stringify(rooms.prepared(now()))}\n`;
  const take = (entries: readonly Entry[]): void => {
    const before = kept();
    rooms.prepare(entries, now());
    core.core.settle(now());
    const after = kept();
    if (after === before) return;
    try {
      writeState(folder, fileName, after);
    } catch (error) {
      failed(error);
    }
  };
  const ask = async (entries: Entry[]): Promise<void> => {
    const { answers } = await core.survey.ask(question, { entries }, { others: true });
    take([...answers.values()].flatMap((one) => one.entries));
  };
  core.survey.answers(question, async ({ entries }) => {
    take(entries);
    return { entries: rooms.prepared(now()) };
  });
  try {
    rooms.prepare(load(folder), now());
  } catch (error) {
    failed(error);
  }
  const find = (room: string): Entry | undefined => rooms.prepared(now()).find((one) => one.room === room);
  const sync = (): void => void ask([]);
  sync();
  return {
    stop: every(syncEvery, sync),
    policyOf: (room) => find(room)?.policy,
    open: async (room, policy) => {
      const known = find(room);
      if (known === undefined && rooms.isPreparedFull(now())) return false;
      const entry = { room, policy, at: Math.max(now(), (known?.at ?? 0) + 1) };
      take([entry]);
      await ask([entry]);
      return true;
    },
  };
}

/** Throws where the file can't be read, or is no list of rooms. */
function load(folder: string): readonly Entry[] {
  const text = readState(folder, fileName);
  if (text === undefined) return [];
  const entries: unknown = JSON.parse(text);
  if (!isEntries.Check(entries)) throw new Error(`${fileName} is no list of rooms`);
  return entries as Entry[];
}
