import { type Signal, signal } from "@preact/signals";
import { type Frames, noFrames } from "./ladder.ts";
import { type Happening, type Model, next, start } from "./state.ts";

/** A device as the page names it. */
export interface Device {
  readonly id: string;
  readonly label: string;
}

/** Somebody on the line. */
export interface Person {
  readonly user: string;
  readonly devices: readonly Device[];
  /** One of the devices says that it is in a call. */
  readonly talking: boolean;
}

interface Me {
  readonly user: string;
  readonly device: string;
  readonly label: string;
}

interface Line {
  readonly id: number;
  readonly mine: boolean;
  readonly text: string;
  readonly state: "sent" | "sending" | "undelivered";
}

export interface Quality {
  readonly path: "direct" | "relay";
  /** Round trip in ms. */
  readonly delay?: number;
  /** 0 to 1, of what arrives. */
  readonly loss: number;
  /** bit/s, [in, out]. */
  readonly bitrate: readonly [number, number];
}

/** A passing remark, with at most one thing to do about it. */
interface Note {
  readonly text: string;
  readonly act?: { readonly label: string; readonly run: () => void };
}

/** What this end sends. */
export interface Own {
  /** Undefined while nothing is captured. */
  readonly stream?: MediaStream;
  readonly source: "none" | "camera" | "test" | "audio";
  readonly soundOff: boolean;
  readonly pictureOff: boolean;
  readonly sharing: boolean;
  readonly pip: boolean;
  readonly cameras: readonly Device[];
  /** Id of the camera in use, when one is. */
  readonly camera?: string;
}

export const silent: Own = {
  source: "none",
  soundOff: false,
  pictureOff: false,
  sharing: false,
  pip: false,
  cameras: [],
};

interface Remote {
  readonly stream?: MediaStream;
  readonly screen?: MediaStream;
  readonly soundOff: boolean;
  readonly pictureOff: boolean;
}

/** Everything a person can do. */
export interface Actions {
  goOnline(name: string, how: "name" | "token"): void;
  goOffline(): void;
  /** Tries to reach the server now. */
  retry(): void;
  /** Takes the device back from the other place where it is open. */
  useHere(): void;
  preview(on: boolean): void;
  call(user: string, video: boolean): void;
  /** Gives up what waits: the question for a camera, or the call that rings. */
  cancel(): void;
  /** Goes on with what waited for a camera. */
  without(instead: "test" | "audio" | "retry"): void;
  accept(video: boolean): void;
  decline(everywhere: boolean): void;
  /** Stops the ring tone, not the ring. */
  hush(): void;
  mute(kind: "audio" | "video"): void;
  /** A camera's id, or the test picture. */
  camera(id: string | "test"): void;
  pip(on: boolean): void;
  share(): void;
  move(device: Device): void;
  hangUp(): void;
  restartIce(): void;
  say(text: string): void;
  again(): void;
  tellWhenFree(): void;
  dismiss(): void;
  copyLadder(): void;
}

/** What the components draw: the model, and facts that change beside it. */
export interface Page {
  readonly model: Signal<Model>;
  readonly name: Signal<string>;
  readonly me: Signal<Me | undefined>;
  readonly people: Signal<readonly Person[]>;
  /** How many are on the line, when they are too many for a list. */
  readonly crowd: Signal<number | undefined>;
  /** Other devices of one's own. */
  readonly mine: Signal<readonly Device[]>;
  /** Whose card is open in the directory. */
  readonly chosen: Signal<string | undefined>;
  readonly own: Signal<Own>;
  readonly remote: Signal<Remote>;
  readonly quality: Signal<Quality | undefined>;
  readonly chat: Signal<readonly Line[]>;
  readonly unread: Signal<number>;
  readonly note: Signal<Note | undefined>;
  readonly frames: Signal<Frames>;
  /** On narrow screens ladder and chat are sheets: which one is open. */
  readonly sheet: Signal<"ladder" | "chat" | undefined>;
  readonly moving: Signal<string | undefined>;
  tell(happening: Happening): void;
}

/** The name at this end, also before the server has confirmed it. */
export function myName(page: Page): string {
  return page.me.value?.user ?? page.name.value;
}

/** Who stands on the stage of the directory: the one that was chosen, else the first. */
export function chosenPerson(page: Page): Person | undefined {
  const people = page.people.value;
  return people.find((one) => one.user === page.chosen.value) ?? people[0];
}

export function createPage(model: Model = start): Page {
  const page: Page = {
    model: signal(model),
    name: signal("alice"),
    me: signal<Me | undefined>(undefined),
    people: signal<readonly Person[]>([]),
    crowd: signal<number | undefined>(undefined),
    mine: signal<readonly Device[]>([]),
    chosen: signal<string | undefined>(undefined),
    own: signal<Own>(silent),
    remote: signal<Remote>({ soundOff: false, pictureOff: false }),
    quality: signal<Quality | undefined>(undefined),
    chat: signal<readonly Line[]>([]),
    unread: signal(0),
    note: signal<Note | undefined>(undefined),
    frames: signal<Frames>(noFrames),
    sheet: signal<"ladder" | "chat" | undefined>(undefined),
    moving: signal<string | undefined>(undefined),
    tell(happening) {
      page.model.value = next(page.model.value, happening);
    },
  };
  return page;
}
