import { type ApplicationEvent, eventBody } from "./catalog.ts";

/** An event as it is sent: its number in the log, and its body as JSON. */
export interface LoggedEvent {
  readonly n: number;
  readonly type: string;
  readonly body: string;
}

/** What somebody reads who has read up to a place. */
export interface LogPage {
  /** This run of the node: another one counts anew. */
  readonly run: string;
  /** The number up to which this page reaches. */
  readonly upTo: number;
  /** Events between the place and the page are gone: the log is bounded. */
  readonly gap: boolean;
  readonly events: LoggedEvent[];
}

/** Events that are kept, and characters of their bodies. */
const [mostEvents, mostCharacters] = [10_000, 8_000_000];
/** What one page holds. */
const [pageEvents, pageCharacters] = [500, 500_000];

/** The last events of this node, for those who follow them. Pure. Over its bounds the oldest go. */
export class EventLog {
  /** This run of the node. */
  readonly run: string;
  /** Bodies, and nothing else: there may be 10,000. */
  #events: string[] = [];
  /** Of {@link #events}, those before it are gone: their places are cut off now and then. */
  #start = 0;
  #characters = 0;
  #count = 0;

  /** `run`: a random text. */
  constructor(run: string) {
    this.run = run;
  }

  /** `ahead`: how far the system's clock is ahead of the core's, ms. */
  add(event: ApplicationEvent, ahead: number): void {
    const body = eventBody({ ...event, at: event.at + ahead });
    this.#count += 1;
    this.#events.push(body);
    this.#characters += body.length;
    while (this.#events.length - this.#start > mostEvents || this.#characters > mostCharacters) {
      this.#characters -= this.#events[this.#start]?.length ?? 0;
      this.#events[this.#start] = "";
      this.#start += 1;
    }
    if (this.#start > mostEvents) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
  }

  /** What came after that number of that run; without a run nothing but the place where the log is now. */
  read(run: string | undefined, after: number): LogPage {
    const none = { run: this.run, upTo: this.#count, gap: false, events: [] };
    if (run === undefined) return none;
    const known = run === this.run && after <= this.#count;
    const first = this.#count - (this.#events.length - this.#start) + 1;
    const from = known ? after + 1 : first;
    const events: LoggedEvent[] = [];
    let characters = 0;
    for (let at = this.#start + Math.max(0, from - first); at < this.#events.length; at++) {
      const body = this.#events[at] as string;
      characters += body.length;
      if (events.length >= pageEvents || (characters > pageCharacters && events.length > 0)) break;
      events.push({ n: first + at - this.#start, type: typeOf(body), body });
    }
    return { run: this.run, upTo: events.at(-1)?.n ?? this.#count, gap: !known || from < first, events };
  }
}

/** {@link eventBody} writes the type first. */
function typeOf(body: string): string {
  const start = '{"type":"'.length;
  return body.slice(start, body.indexOf('"', start));
}
