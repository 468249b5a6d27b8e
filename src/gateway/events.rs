//! Events of a snapshot: which message they are, the plan of each method, and the step of a call that makes one.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, header};

use super::{Settings, Snapshot};
use crate::duty::Duties;
use crate::event::{Caller, EventMessage, EventPlan, Events, Facts};
use crate::problem::{Place, Problem, Problems};
use crate::rule::Binding;
use crate::schema::Schema;
use crate::transcode::{self, Plans};

/// What events are made of and where they go, while a snapshot is built.
pub(super) struct Building {
    pub events: Arc<Events>,
    message: Arc<EventMessage>,
    plans: HashMap<String, Option<Arc<EventPlan>>>,
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
            problems.push(Problem::error(place, what).help("add the file that has it, or name another message"));
            return None;
        };
        // A line of a file is one event.
        let plain = transcode::Settings { indent: false, ..settings.transcode.clone() };
        let plans = if settings.transcode.indent { Plans::compile(schema.pool(), &plain) } else { plans.clone() };
        let message = EventMessage::compile(&desc, plans.message(&desc)?, problems)?;
        let previous = previous.and_then(|previous| previous.events.as_ref());
        let events = Events::prepare(events, previous, problems)?;
        Some(Self { events, message, plans: HashMap::new() })
    }

    /// The plan of a binding's method, if it makes events. What is wrong with it is told once.
    pub fn plan(
        &mut self,
        binding: &Binding,
        duties: &Duties,
        problems: &mut Problems,
    ) -> Option<Arc<EventPlan>> {
        let options = duties.event.as_ref()?;
        let plan = self.plans.entry(binding.rpc.full_name().to_owned()).or_insert_with(|| {
            EventPlan::compile(&self.message, options, &binding.rpc, &binding.place, problems).map(Arc::new)
        });
        plan.clone()
    }

    /// Tells if there are sinks, but nothing that could come to them.
    pub fn tell_unused(&self, problems: &mut Problems) {
        if self.plans.is_empty() {
            let what = "no exposed method makes events";
            let help = "say which option means that a method does, with `options`";
            problems.push(Problem::warning(Place::item("events"), what).help(help));
        }
    }
}

/// What a call knows when it has gone well.
pub(super) struct Done<'c> {
    pub facts: Facts<'c>,
    pub headers: &'c HeaderMap,
    pub actor_id: &'c str,
    pub actor_type: &'c str,
    pub account: Option<&'c str>,
}

impl Done<'_> {
    /// Makes the call's event and hands it over. Never waits.
    pub fn tell(&self, plan: &EventPlan, events: &Events) {
        let user_agent = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let caller = Caller {
            actor_id: self.actor_id,
            actor_type: self.actor_type,
            user_agent: user_agent.unwrap_or_default(),
        };
        events.push(plan.build(&self.facts, &caller, self.account));
    }
}
