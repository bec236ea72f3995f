internal import BatonConfiguration
internal import Glibc

/// The metrics of this process as the kernel knows them, by Prometheus' names for them.
package enum ProcessMetrics {
    /// The samples of this process; none where there is no `/proc`.
    package static var samples: [PrometheusRegistry.Sample] {
        var samples: [PrometheusRegistry.Sample] = []
        func add(_ family: MetricFamily, _ value: Double?) {
            if let value { samples.append(PrometheusRegistry.Sample(family: family, value: value)) }
        }
        if let fields = statusFields {
            // Counted from 1 as in proc(5): 14 and 15 the time, 22 the start, 23 and 24 the memory; the first two are
            // cut off.
            func field(_ number: Int) -> Double? { Double(fields[number - 3]) }
            if let user = field(14), let kernel = field(15) { add(.processorSeconds, (user + kernel) / ticks) }
            add(.virtualMemory, field(23))
            add(.residentMemory, field(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) })
            if let began = field(22), let boot { add(.startTime, boot + began / ticks) }
        }
        add(.openFiles, openFiles)
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            add(.mostFiles, Double(limit.rlim_cur))
        }
        return samples
    }

    private static let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// When the machine was started, in seconds since 1970.
    private static let boot: Double? = {
        guard let text = try? SmallFile.text("/proc/stat", limit: 1 << 20),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
        else { return nil }
        return Double(line.dropFirst("btime ".count))
    }()

    /// The fields behind the name of the program, which may hold anything.
    private static var statusFields: [Substring]? {
        guard let text = try? SmallFile.text("/proc/self/stat", limit: 64 << 10), let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 22 ? fields : nil
    }

    private static var openFiles: Double? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0.0
        while let entry = readdir(folder) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        // The folder itself is open while it is read.
        return count - 1
    }
}
