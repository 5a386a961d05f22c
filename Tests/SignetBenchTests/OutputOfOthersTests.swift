import Testing
import signet_bench

@Suite("What h2load, openssl and dd print", .timeLimit(.minutes(1)))
struct OutputOfOthersTests {
    static func summary(
        requests: String = "8123 done, 8123 succeeded, 0 failed, 0 errored, 0 timeout", data: Int = 6_000_000
    ) -> String {
        """
        starting benchmark...
        Warm-up phase is over for thread #0.
        finished in 4.00s, 2707.67 req/s, 2.15MB/s
        requests: 8139 total, 8139 started, \(requests)
        status codes: 8123 2xx, 0 3xx, 0 4xx, 0 5xx
        traffic: 6.45MB (6763112) total, 190.38KB (194952) headers (space savings 85.71%), 5.72MB (\(data)) data
                             min         max         mean         sd        +/- sd
        time for request:     1.72ms     14.62ms      5.88ms       993us    82.15%
        """
    }

    @Test("a run of h2load gives its rate, its answers and their bytes")
    func h2load() throws {
        let summary = try H2LoadSummary(parsing: Self.summary())
        #expect(summary.requests == 8_123)
        #expect(summary.requestsPerSecond == 2_707.67)
        #expect(summary.dataBytes == 6_000_000)
    }

    @Test(
        "a run of h2load in which a request failed is refused",
        arguments: [
            "8123 done, 8122 succeeded, 1 failed, 0 errored, 0 timeout",
            "8123 done, 8123 succeeded, 0 failed, 1 errored, 0 timeout",
            "8123 done, 8123 succeeded, 0 failed, 0 errored, 1 timeout",
            "8123 done, 8120 succeeded, 0 failed, 0 errored, 0 timeout",
            "0 done, 0 succeeded, 0 failed, 0 errored, 0 timeout",
        ])
    func failedRequests(_ requests: String) {
        #expect(throws: UnreadableOutput(tool: "h2load", reason: "requests failed: \(requests)")) {
            try H2LoadSummary(parsing: Self.summary(requests: requests))
        }
    }

    @Test("output of h2load without a summary is refused")
    func noSummary() {
        #expect(throws: UnreadableOutput(tool: "h2load", reason: "no summary in its output: no such file")) {
            try H2LoadSummary(parsing: "no such file")
        }
    }

    @Test("answers without a message, gRPC's refusals, are told from answers in full")
    func refusals() throws {
        let bytes = 8_123 * (5 + 700)
        #expect(try H2LoadSummary(parsing: Self.summary(data: bytes)).isAnsweredInFull(responseBytes: 700))
        #expect(try !H2LoadSummary(parsing: Self.summary(data: bytes / 2)).isAnsweredInFull(responseBytes: 700))
        #expect(try !H2LoadSummary(parsing: Self.summary(data: 0)).isAnsweredInFull(responseBytes: 700))
    }

    @Test("openssl speed gives its rate of signing, not of verifying")
    func openssl() throws {
        let output = """
            Doing 256 bits sign ecdsa's for 1s: 51075 256 bits ECDSA signs in 0.99s
            version: 3.0.19
                                          sign    verify    sign/s verify/s
             256 bits ecdsa (nistp256)   0.0000s   0.0001s  51591.5  17863.6
            """
        #expect(try Baseline.signaturesPerSecond(openssl: output) == 51_591.5)
    }

    @Test("openssl speed without a rate is refused")
    func opensslWithoutRate() {
        #expect(throws: UnreadableOutput(tool: "openssl speed", reason: "no rate of nistp256: killed")) {
            try Baseline.signaturesPerSecond(openssl: "killed")
        }
    }

    @Test("the memory of a process is told from what it shares")
    func memory() throws {
        let text = "VmPeak:\t  699136 kB\nVmRSS:\t   52784 kB\nRssAnon:\t    5892 kB\nRssFile:\t   46892 kB\n"
        let memory = try ResidentMemory(parsing: text)
        #expect(memory.bytes == 54_050_816)
        #expect(memory.ownBytes == 6_033_408)
        #expect(memory.finding(.serverIdle).notes == ["6.0 MB its own, the rest pages of programs and libraries"])
    }

    @Test("dd gives the time of each write")
    func dd() throws {
        let output = "200+0 records in\n200+0 records out\n819200 bytes (819 kB, 800 KiB) copied, 0.5 s, 1.6 MB/s\n"
        #expect(try Baseline.syncMilliseconds(dd: output, writes: 200) == 2.5)
    }
}
