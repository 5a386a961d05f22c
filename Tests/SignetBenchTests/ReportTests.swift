import Testing
import signet_bench

@Suite("The table of signet-bench", .timeLimit(.minutes(1)))
struct ReportTests {
    @Test("a percentile is the smallest value that so many do not exceed")
    func percentiles() {
        let values = (1...200).map(Double.init).reversed()
        #expect(Statistics.percentile(0.5, of: Array(values)) == 100)
        #expect(Statistics.percentile(0.99, of: Array(values)) == 198)
        #expect(Statistics.percentile(1, of: Array(values)) == 200)
        #expect(Statistics.percentile(0, of: Array(values)) == 1)
    }

    @Test("the median of an even number of values is the mean of the two in the middle")
    func median() {
        #expect(Statistics.median([4, 1, 3, 2]) == 2.5)
        #expect(Statistics.median([9, 1, 5]) == 5)
    }

    @Test("columns are as wide as their widest cell, and no line ends with a space")
    func table() {
        let table = Table(header: ["name", "value"], rows: [["a", "1"], ["longer", ""]])
        #expect(table.text == "name    value\n------  -----\na       1\nlonger")
    }

    @Test("an aim is met at its limit, and not beyond")
    func aims() {
        #expect(Finding(.push, value: 50).isMet)
        #expect(!Finding(.push, value: 50.1).isMet)
        #expect(Finding(.entries, value: 10_000).isMet)
        #expect(!Finding(.entries, value: 9_999).isMet)
    }

    @Test("a selection is one figure or a group; every figure has a name of its own, and no group has a figure's")
    func selections() {
        #expect(FigureSelection(argument: "push")?.figures == [.push])
        #expect(
            FigureSelection(argument: "library")?.figures
                == [.parseID, .validateX509SVID, .validateJWTSVID, .validateJWTSVIDAgain, .handshake])
        #expect(FigureSelection(argument: "tokens")?.figures.contains(.revocation) == true)
        #expect(FigureSelection(argument: "rates")?.figures.contains(.tokenHTTPS) == false)
        #expect(FigureSelection(argument: "nothing") == nil)
        #expect(Set(FigureSelection.allValueStrings).count == FigureSelection.allValueStrings.count)
    }

    @Test("an aim is missed when something else does not hold")
    func failing() {
        #expect(!Finding(.agent1000, value: 1, failing: "not everyone was served within 30 s").isMet)
    }

    @Test("what was used and what others used share what the machine used")
    func shares() {
        let shares = ProcessorShares(server: 0.5, agent: 0.125, client: 0.125, machine: 0.875)
        #expect(shares.used == 0.75)
        #expect(shares.others == 0.125)
        #expect(shares.text == "processors: server 50 %, agent 12 %, client 12 %, others 12 %, idle 12 %")
    }

    @Test("the report says each figure, its aim and whether it is met")
    func text() {
        let report = Report(
            cores: 2, seconds: 3,
            findings: [
                Finding(
                    .mintX509, value: 15.9, measured: "6,500/s", baseline: "51,700 signatures/s", notes: ["a note"]),
                Finding(.entries, value: 12_345, measured: "1.62 s", failing: "not flat"),
                Finding(.agentIdle, value: 20),
            ])
        let lines = report.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines[2].split(separator: #/ {2,}/#)
                == [
                    "mint-x509", "MintX509SVID over the admin socket", "6,500/s", "51,700 signatures/s", "15.9", "31",
                    "<= 10.0", "NO",
                ])
        #expect(lines[3].hasSuffix(">= 10,000/s  NO"))
        #expect(lines[4].hasSuffix("<= 25.0 MB   yes"))
        #expect(lines[6] == "mint-x509: a note")
        #expect(lines[7] == "entries: not flat")
        #expect(lines[9] == "1 of 3 aims met. 2 cores; rates over 3.0 s.")
    }

    @Test("the JSON has a member of its own for each part of a figure")
    func json() throws {
        let report = Report(cores: 2, seconds: 3, findings: [Finding(.list, value: 0.125, measured: "5 pages")])
        #expect(
            try report.json == """
                {
                  "cores" : 2,
                  "findings" : [
                    {
                      "aim" : "<= 0.15 s",
                      "baseline" : "",
                      "measured" : "5 pages",
                      "met" : true,
                      "name" : "list",
                      "notes" : [

                      ],
                      "spire" : "0.40 s",
                      "title" : "list 20,000 entries",
                      "unit" : "seconds",
                      "value" : 0.125
                    }
                  ],
                  "seconds" : 3
                }
                """)
    }
}
