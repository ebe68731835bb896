//! The built-in tools, one file each.

mod arithmetic;
mod checklists;
mod clock;
mod coordinates;
mod documents;
mod geodesy;
pub mod hazard;
mod incident_log;
mod sun;
pub mod units;

use super::tool::Tool;

pub(crate) use clock::zone_of;
pub use coordinates::Place;
pub use documents::SEARCH_DOCUMENTS;

/// All built-in tools, in the order in which they are shown.
pub fn all() -> Vec<Box<dyn Tool>> {
    vec![
        Box::new(documents::SearchDocuments),
        Box::new(hazard::LookUpHazard),
        Box::new(units::ConvertUnits),
        Box::new(units::ConvertConcentration),
        Box::new(arithmetic::Calculate),
        Box::new(geodesy::MeasureDistance),
        Box::new(geodesy::FindDestination),
        Box::new(coordinates::ConvertCoordinates),
        Box::new(clock::TellTime),
        Box::new(sun::SunTimes),
        Box::new(incident_log::AddLogEntry),
        Box::new(incident_log::ReadLog),
        Box::new(checklists::ListChecklists),
        Box::new(checklists::StartChecklist),
        Box::new(checklists::ShowChecklist),
        Box::new(checklists::TickChecklist),
    ]
}
