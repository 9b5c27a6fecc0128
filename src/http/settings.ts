import { Type } from "typebox";
import { flag, port, secret, text } from "../shared/setting.ts";

/** What is served over HTTP beside the native protocol, and to whom. */
export const httpSettings = {
  page: flag(true, "Serves the page at `/` and the SDK at `/client.js`."),
  admin: Type.Object(
    {
      port: port(
        0,
        "Port that answers `/health`, `/metrics`, `POST /admin/drain`, `POST /admin/kick` and the HTTP API; the n-th worker has the n-th from it. 0: none.",
      ),
      host: text("127.0.0.1", "Address that it listens on."),
    },
    {
      description: "A second port for operators, for when the first is shared by several workers, or public.",
    },
  ),
  metricsToken: secret(
    "What `/metrics` asks for as `Authorization: Bearer …`. Empty: in production `/metrics` is at `admin.port` only.",
  ),
};
