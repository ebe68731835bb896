//! One property of a substance: whether a table has it, and what is said where it has not.

use super::columns::{ColumnUse, Role};
use super::entry::{HazardEntry, first_name};

/// What is asked of a substance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// UN or NA number.
    Number,
    /// The cell of this role.
    Cell(Role),
    /// A column of which the heading says this, in lower case.
    Headed(&'static str),
}

impl Property {
    /// The property that these words name; a number where they name no other.
    pub fn named(words: &str) -> Property {
        let words = words.to_lowercase();
        let holds = |part: &str| words.contains(part);
        if holds("isolation") {
            Property::Headed("isolation")
        } else if holds("idlh") {
            Property::Headed("idlh")
        } else if holds("guide") {
            Property::Cell(Role::Guide)
        } else if holds("packing") {
            Property::Cell(Role::PackingGroup)
        } else if holds("label") || holds("placard") {
            Property::Cell(Role::Labels)
        } else if holds("class") || holds("division") {
            Property::Cell(Role::Class)
        } else {
            Property::Number
        }
    }

    /// Its name in a sentence.
    fn name(self) -> &'static str {
        match self {
            Property::Headed("isolation") => "isolation distance",
            Property::Headed("idlh") => "IDLH",
            Property::Headed(heading) => heading,
            Property::Cell(Role::Guide) => "guide number",
            Property::Cell(Role::PackingGroup) => "packing group",
            Property::Cell(Role::Labels) => "labels",
            Property::Cell(_) => "hazard class",
            Property::Number => "UN number",
        }
    }

    /// `IDLH of acetone`, which a lookup takes for the question after one property.
    pub fn of(self, substance: &str) -> String {
        format!("{} of {substance}", self.name())
    }

    /// The property that a text of [`Property::of`] asks for, and the substance.
    pub fn split(text: &str) -> (Option<Property>, &str) {
        let cells = [Role::Guide, Role::PackingGroup, Role::Labels, Role::Class].map(Property::Cell);
        let known =
            [Property::Headed("isolation"), Property::Headed("idlh"), Property::Number].into_iter().chain(cells);
        let asked = known.into_iter().find_map(|property| {
            let (begin, rest) = text.split_at_checked(property.name().len())?;
            let rest = rest.strip_prefix(" of ")?.trim();
            (begin.eq_ignore_ascii_case(property.name()) && !rest.is_empty()).then_some((Some(property), rest))
        });
        asked.unwrap_or((None, text))
    }

    /// Whether the entry says it.
    pub fn is_in(self, entry: &HazardEntry) -> bool {
        !self.cells_of(entry).is_empty()
    }

    /// The cells in which the entry says it.
    pub fn cells_of(self, entry: &HazardEntry) -> Vec<&str> {
        match self {
            Property::Number => entry.number.as_deref().into_iter().collect(),
            _ => {
                let said = entry.fields.iter().filter(|(role, heading, _)| self.is_said_by(*role, heading));
                said.map(|(_, _, cell)| cell.as_str()).collect()
            }
        }
    }

    /// Whether the column is for it.
    pub fn is_of(self, column: &ColumnUse) -> bool {
        self.is_said_by(column.role, &column.heading)
    }

    fn is_said_by(self, role: Role, heading: &str) -> bool {
        match self {
            Property::Number => role == Role::Number,
            Property::Cell(wanted) => role == wanted,
            Property::Headed(part) => role == Role::Shown && heading.to_lowercase().contains(part),
        }
    }

    /// That the tables have the substance and not this, without any figure of it.
    pub fn missing(self, entries: &[HazardEntry]) -> String {
        let mut tables: Vec<&str> = Vec::new();
        for entry in entries {
            if !tables.contains(&entry.table.as_str()) {
                tables.push(&entry.table);
            }
        }
        let substance = entries.first().map_or("it", |entry| first_name(&entry.name));
        let who = match &tables[..] {
            [one] => format!("The table {one} has"),
            several => format!("The tables {} have", several.join(" and ")),
        };
        format!("{who} {substance}, and no {} for it; `halligan docs search` looks in the documents.", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_read_back_from_the_words_that_ask_for_it() {
        for words in
            ["IDLH limit", "isolation distance", "ERG guide", "packing group", "placard", "division", "UN number"]
        {
            let property = Property::named(words);
            assert_eq!(Property::split(&property.of("acetone")), (Some(property), "acetone"), "{words}");
        }
        for text in ["acetone", "guide", "IDLH of ", "oil of vitriol"] {
            assert_eq!(Property::split(text), (None, text));
        }
    }
}
