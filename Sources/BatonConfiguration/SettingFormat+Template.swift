internal import CacheRefresh

extension SettingFormat<KeyTemplate> {
    /// A family of keys, such as `merchant:{id}`.
    static let template = Self(example: "merchant:{id}") { text throws(SettingRefusal) in
        do throws(KeyTemplate.Mistake) {
            return try KeyTemplate(text)
        } catch {
            throw SettingRefusal("\(text.quoted) \(error.problem)", remedy: error.remedy)
        }
    }
}

extension KeyTemplate.Mistake {
    fileprivate var problem: String {
        switch self {
        case .unclosedBrace: "has a `{` without its `}`"
        case .strayBrace: "has a `}` without its `{`"
        case .emptyColumn: "has a `{}` that names no column"
        case .noColumn: "names no column, so that all rows would get the same key"
        case .adjacentColumns(let first, let second): "has nothing between `{\(first)}` and `{\(second)}`"
        }
    }

    fileprivate var remedy: String {
        switch self {
        case .unclosedBrace, .strayBrace: "Close it, or write a brace that is meant literally twice"
        case .emptyColumn: "Write `{id}`"
        case .noColumn: "Add one, such as `{id}`"
        case .adjacentColumns(let first, let second):
            "Write such as `{\(first)}:{\(second)}`, or 1 with 23 and 12 with 3 would make the same key"
        }
    }
}

/// Finds templates that would make the same keys.
struct KeyFamilyRegister {
    private struct Place: Hashable {
        let server: String
        /// The template with all columns alike: `user:{id}` and `user:{uid}` make the same keys.
        let shape: [KeyTemplate.Part]
    }

    private var owners: [Place: (dataset: String, template: String)] = [:]

    /// Refuses what another dataset on the same server, or the same one, already makes.
    ///
    /// - Parameter locations: the places of the dataset's families, in their order.
    mutating func add(
        _ dataset: Dataset, _ locations: [ConfigurationLocation], server: String, _ block: ConfigurationBlock
    ) {
        for (family, location) in zip(dataset.keys, locations) {
            let shape = family.template.parts.map { part in
                switch part {
                case .literal: part
                case .column: KeyTemplate.Part.column("")
                }
            }
            let place = Place(server: server, shape: shape)
            if let owner = owners[place] {
                let whose = owner.dataset == dataset.name ? "" : " of dataset `\(owner.dataset)`"
                block.refuse(
                    location, dataset.keys.count == 1 ? "key" : "keys",
                    "\(family.template.description.quoted) makes the same keys as \(owner.template.quoted)\(whose)",
                    remedy: "Give each its own beginning, or switch one dataset off")
            } else {
                owners[place] = (dataset.name, family.template.description)
            }
        }
    }
}
