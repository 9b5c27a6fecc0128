// aedes as mqtt.ts measures it: node aedes-server.mjs PORT
import { createServer } from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker();
createServer(broker.handle).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("up"));
