internal import Formatting
package import RedisClient

/// The commands that a Redis refuses for one reason.
package struct RedisRefusal: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The user may not use these commands.
        case permission
        /// The user may not use keys of these templates.
        case keys
        /// The server does not know these commands: renamed, or taken away.
        case unknown
        /// It runs no scripts.
        case scripts(RedisServerError)
        /// It takes no writes, for now.
        case writes(RedisServerError)
        case other(RedisServerError)
    }

    package let reason: Reason
    /// Commands by the names that permissions have for them, or templates of keys.
    package var subjects: [String]

    /// Refusals, each reason once.
    struct List {
        private(set) var all: [RedisRefusal] = []

        mutating func add(_ error: RedisServerError, to command: String) { add(Reason(error), to: command) }

        mutating func add(_ reason: Reason, to subject: String) {
            if let place = all.firstIndex(where: { $0.reason == reason }) {
                all[place].subjects.append(subject)
            } else {
                all.append(RedisRefusal(reason: reason, subjects: [subject]))
            }
        }

        func concern(_ subject: String) -> Bool { all.contains { $0.subjects.contains(subject) } }
    }
}

extension RedisRefusal.Reason {
    init(_ error: RedisServerError) {
        switch error.kind {
        case .noPermission: self = .permission
        case .readOnly, .masterDown, .noReplicas, .outOfMemory, .misconfigured: self = .writes(error)
        case .loading, .busy, .noAuth, .wrongPassword, .cluster, .tryAgain, .noScript, .wrongType: self = .other(error)
        case .unknownCommand: self = .unknown
        case .other:
            // Valkey's words since its Lua is a module.
            self = error.message.contains("scripting engine") ? .scripts(error) : .other(error)
        }
    }
}

extension RedisRefusal {
    /// The refusal for people, with its remedy.
    package var obstacle: RedisObstacle {
        let commands = subjects.map { $0.replacing("|", with: " ").uppercased() }.joined(separator: ", ")
        let (verb, them) = subjects.count == 1 ? ("is", "it") : ("are", "them")
        let grants = "Give it what `baton check --grants --for run` prints"
        switch reason {
        case .permission:
            return RedisObstacle("The user may not use \(commands)", grants)
        case .keys:
            return RedisObstacle("The user may not use the keys \(Wording.list(subjects))", grants)
        case .unknown:
            return RedisObstacle(
                "\(commands) \(verb) not known here: renamed or taken away",
                "Take \(them) out of `rename-command` in the configuration of Redis, or go round whatever else keeps "
                    + "\(them) back")
        case .scripts(let error):
            return RedisObstacle(
                "It runs no Lua scripts (\(error))", "Load its Lua module again, as it is loaded by default")
        case .writes(let error):
            return RedisObstacle("It takes no writes (\(error))", error.kind.advice.withoutFullStop)
        case .other(let error):
            return RedisObstacle("\(commands) can't be used (\(error))", "See what the error says")
        }
    }
}
