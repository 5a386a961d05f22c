import Foundation

/// What the library does in a service: nothing is asked of anybody, so the program that links it measures it.
extension Bench {
    func library(_ deployment: Deployment) async throws -> [Finding] {
        var findings: [Finding] = []
        if !self.figures.isDisjoint(with: [.parseID, .validateX509SVID, .validateJWTSVID, .validateJWTSVIDAgain]) {
            findings += try await self.svids(deployment)
        }
        if self.figures.contains(.handshake) { findings.append(try await self.handshakes(deployment)) }
        return findings
    }

    private func svids(_ deployment: Deployment) async throws -> [Finding] {
        struct Found: Decodable {
            let verify_seconds: [Double]
            let parse_id_seconds: [Double]
            let x509_seconds: [Double]
            let x509_parsed_seconds: [Double]
            let jwt_seconds: [Double]
            let jwt_again_seconds: [Double]
        }
        try await self.begin(.validateX509SVID)
        let found = try JSONDecoder().decode(Found.self, from: try await deployment.libraries("svids"))
        let microseconds = { Statistics.median($0) * 1_000_000 }
        let text = { (seconds: [Double]) in "\(microseconds(seconds).text(decimals: 1)) us" }
        let verification = microseconds(found.verify_seconds)
        let baseline = "\(text(found.verify_seconds)) a verification"
        let parsed = (microseconds(found.x509_parsed_seconds) / verification / 2).text(decimals: 2)
        return [
            Finding(
                .parseID, value: microseconds(found.parse_id_seconds) * 1_000,
                measured: "1/\((verification / microseconds(found.parse_id_seconds)).text(decimals: 0)) verification",
                baseline: baseline),
            Finding(
                .validateX509SVID, value: microseconds(found.x509_seconds) / verification / 2,
                measured: text(found.x509_seconds), baseline: baseline,
                notes: ["from the bytes on; \(parsed) x once the certificates are parsed"]),
            Finding(
                .validateJWTSVID, value: microseconds(found.jwt_seconds) / verification,
                measured: text(found.jwt_seconds), baseline: baseline),
            Finding(
                .validateJWTSVIDAgain, value: microseconds(found.jwt_again_seconds),
                measured: "1/\((verification / microseconds(found.jwt_again_seconds)).text(decimals: 0)) verification",
                baseline: baseline),
        ]
    }

    private func handshakes(_ deployment: Deployment) async throws -> Finding {
        struct Found: Decodable {
            let sign_seconds: [Double]
            let spiffe_seconds: [Double]
            let unknown_seconds: [Double]
            let static_seconds: [Double]
            let rotations: Int
        }
        try await self.begin(.handshake)
        let found = try JSONDecoder().decode(Found.self, from: try await deployment.libraries("handshakes"))
        // Each round has its own baseline, so that a machine that changes its pace changes both.
        let ratio = { (seconds: [Double]) in Statistics.median(zip(seconds, found.static_seconds).map { $0 / $1 }) }
        let signatures = { (seconds: [Double]) in
            (Statistics.median(seconds) / Statistics.median(found.sign_seconds)).text(decimals: 1) + " signatures"
        }
        return Finding(
            .handshake, value: ratio(found.spiffe_seconds), measured: signatures(found.spiffe_seconds),
            baseline: signatures(found.static_seconds),
            notes: [
                "both ends on one thread; both identities replaced \(found.rotations) times meanwhile",
                "\(ratio(found.unknown_seconds).text(decimals: 2)) x where they are replaced before each handshake",
            ])
    }
}
