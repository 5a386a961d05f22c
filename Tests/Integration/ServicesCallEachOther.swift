import Foundation
import TestSupport
import Testing

/// Services, told apart by uid when the test may change it, else by the path of their program.
struct Services {
    let deployment: Deployment
    var original = Programs.demoService

    /// A copy of the program that another uid can reach.
    func program(_ name: String) throws -> String {
        let path = self.deployment.directory.path(name)
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.copyItem(atPath: self.original, toPath: path)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        return path
    }

    private static let uids = ["orders": 21001, "payments": 21002, "customer": 21003]

    func selector(_ name: String) throws -> String {
        Programs.isRoot ? "unix:uid:\(Self.uids[name] ?? 0)" : "unix:path:\(try self.program(name))"
    }

    func start(_ name: String, _ arguments: [String]) throws -> RunningProgram {
        let program = try self.program(name)
        let uid = "\(Self.uids[name] ?? 0)"
        let command =
            Programs.isRoot
            ? ["/usr/bin/setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--", program] : [program]
        return try RunningProgram(
            command[0], command.dropFirst() + arguments,
            environment: ["SPIFFE_ENDPOINT_SOCKET": self.deployment.workloadURI],
            logPath: self.deployment.directory.path("\(name).log"))
    }

    /// Starts `payments`, which lets only `orders` in, and returns it with its port.
    func startPayments() async throws -> (RunningProgram, port: String) {
        // Written by another uid, as a new file of its folder.
        let folder = self.deployment.directory.path("run")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: folder)
        let payments = try self.start(
            "payments",
            [
                "serve", "--name", "payments", "--address", "127.0.0.1", "--port", "0", "--port-file", "\(folder)/port",
                "--authorize", self.deployment.id("/orders"),
            ])
        _ = try await payments.line(containing: "serving on")
        return (
            payments, String(decoding: try self.deployment.directory.read("run/port"), as: UTF8.self).filter(\.isNumber)
        )
    }

    func startOrders(port: String, _ more: [String]) throws -> RunningProgram {
        try self.start(
            "orders",
            [
                "call", "--name", "orders", "--address", "127.0.0.1", "--port", port, "--authorize",
                self.deployment.id("/payments"),
            ] + more)
    }
}

/// The last line a demo service prints.
struct TrafficSummary: Decodable {
    let calls: Int
    let failures: Int
    let own_certificates: Int
    let peer_certificates: Int
}

@Suite("Scenario: services call each other", .timeLimit(.minutes(3)))
struct ServicesCallEachOther {
    @Test("each side knows who the other is, and SVIDs of a few seconds rotate under traffic without a failed call")
    func rotationUnderTraffic() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let services = Services(deployment: deployment)
        for name in ["orders", "payments"] {
            try await deployment.register(
                "/\(name)", selector: services.selector(name), "--x509-svid-ttl", "4")
        }
        let (payments, port) = try await services.startPayments()
        let orders = try services.startOrders(port: port, ["--duration", "10", "--rate", "50"])
        let connected = try await orders.line(containing: "connected to")
        #expect(connected == "orders: connected to \(deployment.id("/payments"))")
        #expect(try await payments.line(containing: "called by") == "payments: called by \(deployment.id("/orders"))")

        let summary = try JSONDecoder().decode(
            TrafficSummary.self, from: Data(try await orders.line(containing: "{").utf8))
        #expect(await orders.waitForEnd() == 0, "\(orders.log)")
        #expect(summary.failures == 0)
        #expect(summary.calls >= 100)
        #expect(summary.own_certificates >= 3)
        #expect(summary.peer_certificates >= 3)
        print("traffic over rotating SVIDs:", summary)
        #expect(await payments.stop() == 0)
        _ = (await agent.stop(), await server.stop())
    }

    @Test("authorities of seconds rotate under traffic without a failed call")
    func authorityRotationUnderTraffic() async throws {
        let deployment = try Deployment(server: [
            "ca_ttl": "24s", "default_x509_svid_ttl": "4s", "default_jwt_svid_ttl": "4s", "agent_ttl": "4s",
        ])
        let server = try await deployment.startServer()
        let before = try await deployment.signet("bundle", "show").outputText
        let agent = try await deployment.startAgent()
        let services = Services(deployment: deployment)
        for name in ["orders", "payments"] {
            try await deployment.register("/\(name)", selector: services.selector(name))
        }
        let (payments, port) = try await services.startPayments()
        let orders = try services.startOrders(port: port, ["--duration", "32", "--rate", "40"])
        let summary = try JSONDecoder().decode(
            TrafficSummary.self, from: Data(try await orders.line(containing: "{").utf8))
        #expect(await orders.waitForEnd() == 0, "\(orders.log)")
        #expect(summary.failures == 0)
        #expect(summary.own_certificates >= 8)

        // By now the first authority has ended: everything that was served came from another one.
        let after = try await deployment.signet("bundle", "show").outputText
        #expect(Set(Self.certificates(before)).isDisjoint(with: Self.certificates(after)))
        print("traffic over rotating authorities:", summary)
        #expect(await payments.stop() == 0)
        _ = (await agent.stop(), await server.stop())
    }

    private static func certificates(_ pem: String) -> [Substring] {
        pem.split(separator: "-----BEGIN CERTIFICATE-----").filter { $0.contains("END CERTIFICATE") }
    }

    @Test("a service lets nobody in but whom its policy names")
    func policy() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let services = Services(deployment: deployment)
        try await deployment.register("/payments", selector: services.selector("payments"))
        try await deployment.register("/reports", selector: services.selector("orders"))
        let (payments, port) = try await services.startPayments()
        let orders = try services.startOrders(port: port, ["--requests", "1"])
        #expect(await orders.waitForEnd() == 1)
        #expect(await payments.stop() == 0)
        _ = (await agent.stop(), await server.stop())
    }
}
