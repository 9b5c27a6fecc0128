import { Type } from "typebox";
import { flag, text } from "../shared/setting.ts";

/** What is kept of calls, and where. */
export const recordSettings = {
  records: Type.Object(
    {
      enabled: flag(true, "Keeps a record of every session, with its ladder."),
      descriptions: flag(false, "Keeps session descriptions in ladders, without ICE passwords and keys."),
      addresses: flag(false, "Keeps the addresses of candidates and descriptions in ladders."),
      days: Type.Integer({
        default: 30,
        minimum: 1,
        maximum: 3_650,
        description: "Records older than this are removed.",
      }),
      lostAfter: Type.Integer({
        default: 110_000,
        minimum: 1_000,
        maximum: 3_600_000,
        description:
          "A session of a server that was killed is told as ended, with the reason `lost`, when nobody has come back to it after this. ms",
      }),
    },
    { description: "Records of calls: docs/diagnosis.md." },
  ),
  store: Type.Object(
    {
      path: text(
        "",
        "The SQLite file of records, the webhook queue and the audit. Empty: `store-NODE.sqlite` in `stateFolder`, in development mode memory. `:memory:`: memory.",
      ),
      bytes: Type.Integer({
        default: 1_073_741_824,
        minimum: 1_048_576,
        description: "Over this size the oldest records are removed.",
      }),
    },
    { description: "Where the server keeps what outlives it." },
  ),
};
