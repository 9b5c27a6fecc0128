// The npm package `sip` as the least that it can be: it answers each INVITE and each BYE with 200. Argument: the TCP port.
const sip = require("sip");

sip.start({ port: Number(process.argv[2]), address: "127.0.0.1", udp: false, tcp: true }, (request) => {
  if (request.method === "ACK") return;
  const response = sip.makeResponse(request, 200, "OK");
  response.headers.to.params.tag ??= "uas";
  response.headers.contact = [{ uri: `sip:uas@127.0.0.1:${process.argv[2]};transport=tcp` }];
  if (request.method === "INVITE") {
    response.headers["content-type"] = "application/sdp";
    response.content = request.content;
  }
  sip.send(response);
});
