extension LocalPostgres {
    /// A text between quotation marks, in which some scalars stand twice.
    ///
    /// - Parameter doubled: the mark, then the others. Without it they are those of `postgresql.conf` and of `\set` in
    ///   `psql`.
    static func quoted(_ text: String, doubling doubled: [Unicode.Scalar] = ["'", "\\"]) -> String {
        var quoted = String.UnicodeScalarView(doubled.prefix(1))
        for scalar in text.unicodeScalars {
            if doubled.contains(scalar) { quoted.append(scalar) }
            quoted.append(scalar)
        }
        return String(quoted + doubled.prefix(1))
    }

    /// `postgresql.conf`; of a setting that occurs twice, the last one counts.
    var configurationFile: String {
        var lines = [
            "listen_addresses = '127.0.0.1'",
            "port = \(port)",
            "unix_socket_directories = \(Self.quoted(socketFolder))",
            "unix_socket_permissions = 0700",
            "max_connections = 100",
            "shared_buffers = 16MB",
            "dynamic_shared_memory_type = mmap",  // in the data folder, so that it is removed with it
            "fsync = off",
            "synchronous_commit = off",
            "full_page_writes = off",
            "wal_level = logical",
            "jit = off",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "password_encryption = 'scram-sha-256'",
        ]
        if let certificates {
            lines += [
                "ssl = on",
                "ssl_ca_file = \(Self.quoted(certificates.ca))",
                "ssl_cert_file = \(Self.quoted(certificates.serverCertificate))",
                "ssl_key_file = \(Self.quoted(certificates.serverKey))",
            ]
        }
        lines += options.configuration
        return lines.joined(separator: "\n") + "\n"
    }

    /// `pg_hba.conf`.
    var accessFile: String {
        let overTCP = options.password == nil ? "trust" : "scram-sha-256"
        return """
            local all         all trust
            local replication all trust
            host  all         all 127.0.0.1/32 \(overTCP)
            host  replication all 127.0.0.1/32 \(overTCP)

            """
    }
}
