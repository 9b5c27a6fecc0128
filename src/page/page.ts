import { type Signal, signal } from "@preact/signals";
import { type Frames, noFrames } from "./ladder-model.ts";
import { type Model, next, type PageEvent, start } from "./state.ts";

/** A device as the page names it. */
export interface Device {
  readonly id: string;
  readonly label: string;
}

/** A user who is online. */
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
  /** Lost packets of those that should have arrived, 0 to 1. */
  readonly loss: number;
  /** bit/s, [in, out]. */
  readonly bitrate: readonly [number, number];
}

/** A short message, with at most one action. */
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

/** Everything that a user can do. */
export interface Actions {
  goOnline(name: string, how: "name" | "token"): void;
  goOffline(): void;
  /** Tries to reach the server now. */
  retry(): void;
  /** Takes the device back from the window that it is open in. */
  useHere(): void;
  preview(on: boolean): void;
  call(user: string, video: boolean): void;
  /** Gives up the request for a camera, or the call that rings. */
  cancel(): void;
  /** Continues with something else than the camera, or asks for it again. */
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

/** What the components draw: the model, and values that change independently of it. */
export interface Page {
  readonly model: Signal<Model>;
  readonly name: Signal<string>;
  readonly me: Signal<Me | undefined>;
  /** The user signed in by a name alone, which only development mode takes: the console is at this address, and open. */
  readonly development: Signal<boolean>;
  readonly people: Signal<readonly Person[]>;
  /** How many users are online, when they are too many for a list. */
  readonly crowd: Signal<number | undefined>;
  /** The user's other devices. */
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
  tell(event: PageEvent): void;
}

/** The user's name, even before the server has confirmed it. */
export function myName(page: Page): string {
  return page.me.value?.user ?? page.name.value;
}

/** The person that the directory shows: the chosen one, otherwise the first. */
export function chosenPerson(page: Page): Person | undefined {
  const people = page.people.value;
  return people.find((one) => one.user === page.chosen.value) ?? people[0];
}

export function createPage(model: Model = start): Page {
  const page: Page = {
    model: signal(model),
    name: signal("alice"),
    me: signal<Me | undefined>(undefined),
    development: signal(false),
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
    tell(event) {
      page.model.value = next(page.model.value, event);
    },
  };
  return page;
}
