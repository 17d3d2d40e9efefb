// A server for measuring: `/health` with a small body, `/sink` that takes uploads. Prints its port; ends with standard input.

import Glibc
import HTTP
import Transport

DescriptorLimit.raise()
var limits = HTTPLimits()
(limits.connections, limits.connectionsPerAddress) = (20_000, 20_000)
limits.requestsPerConnection = .max
let body = Array(#"{"status":"ok"}"#.utf8)
let loops = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1

var router = Router()
router.add("GET", "/health") { _, _ in
  HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: .bytes(body))
}
router.add("POST", "/sink") { request, _ in
  HTTPResponse(
    status: 200, headers: ["Content-Type": "text/plain"], body: .bytes(Array("\(request.body.count)\n".utf8)))
}
let routes = router
let server = HTTPServer(limits: limits, loops: loops) { request in
  await routes.respond(to: request) { status, message in HTTPResponse(status: status, body: .bytes(Array(message.utf8)))
  }.response
}
for address in try server.listen(host: "127.0.0.1", port: 0) { print(address.port) }
fflush(nil)
while readLine() != nil {}
await server.shutdown(grace: .seconds(1))
