//! Events of a snapshot, while it is built: which message they are, and the plan of each method.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Settings, Snapshot};
use crate::duty::Duties;
use crate::event::{EventMessage, EventPlan, Events};
use crate::problem::{Place, Problem, Problems};
use crate::rule::Binding;
use crate::schema::Schema;
use crate::transcode::{self, Plans};

/// What events are made of and where they go, while a snapshot is built.
pub(super) struct Building {
    pub events: Arc<Events>,
    message: Arc<EventMessage>,
}

impl Building {
    /// Prepares what the settings say; `None` without events, or, told, where they cannot be.
    pub fn prepare(
        settings: &Settings,
        schema: &Schema,
        plans: &Plans,
        previous: Option<&Snapshot>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let events = settings.events.as_ref()?;
        let place = Place::item("events.message");
        let Some(desc) = schema.pool().get_message_by_name(&events.message) else {
            let what = format!("there is no message `{}` in the contract", events.message);
            problems
                .push(Problem::error(place, what).help("add the file that has it, or name another message"));
            return None;
        };
        // A line of a file is one event.
        let plain = transcode::Settings { indent: false, ..settings.mapping.transcode.clone() };
        let plans = if settings.mapping.transcode.indent {
            Plans::compile(schema.pool(), &plain)
        } else {
            plans.clone()
        };
        let message = EventMessage::compile(&desc, plans.message(&desc)?, problems)?;
        let previous = previous.and_then(|previous| previous.events.as_ref());
        let events = Events::prepare(events, previous, problems)?;
        Some(Self { events, message })
    }

    /// The plan of each binding's method, if it makes events. What is wrong with a method is told once.
    pub fn plans(
        &self,
        bindings: &[Binding],
        duties: &[Arc<Duties>],
        problems: &mut Problems,
    ) -> Vec<Option<Arc<EventPlan>>> {
        let mut known: HashMap<String, Option<Arc<EventPlan>>> = HashMap::new();
        let mut plans = Vec::with_capacity(bindings.len());
        for (binding, duties) in bindings.iter().zip(duties) {
            let Some(options) = &duties.event else {
                plans.push(None);
                continue;
            };
            let plan = known.entry(binding.rpc.full_name().to_owned()).or_insert_with(|| {
                EventPlan::compile(&self.message, options, &binding.rpc, &binding.place, problems)
                    .map(Arc::new)
            });
            plans.push(plan.clone());
        }
        if known.is_empty() {
            let what = "no exposed method makes events";
            let help = "say which option means that a method does, with `options`";
            problems.push(Problem::warning(Place::item("events"), what).help(help));
        }
        plans
    }
}
