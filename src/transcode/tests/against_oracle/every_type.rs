//! The plans against the oracle on every message type there is: the model API's, those that it imports, and the
//! fixtures'. Which values a type has is left to chance, which types there are is not.

use proptest::test_runner::{Config, TestCaseResult, TestError, TestRunner};

use super::*;
use crate::random::{self, Choices};
use crate::transcode::UnsetFields;

/// Fields in any order, merged and split, unknown ones among them: the same JSON, or the same refusal.
#[test]
fn answers_of_every_type_agree() {
    for_every_type(&(choices(), chaos()), |of, (choices, chaos)| {
        let wire = of.wire(&choices, &chaos);
        let mut json = Vec::new();
        let ours = of.echo.plan().write_response(&wire, &mut json).map(|()| json);
        let theirs = call(&of.echo, of.settings).answer(&wire);
        prop_assert_eq!(shown(&ours), shown(&theirs), "{:?} {:x?}", of.settings, wire);
        Ok(())
    });
}

/// Bodies as the oracle writes them, some tampered with: the same message, or the same complaint.
#[test]
fn bodies_of_every_type_agree() {
    let edits = proptest::option::of(tampering());
    for_every_type(&(choices(), chaos(), edits), |of, (choices, chaos, edits)| {
        let call = call(&of.echo, of.settings);
        let Ok(mut json) = call.answer(&of.wire(&choices, &chaos)) else { return Ok(()) };
        if let Some(edits) = edits {
            edits.apply(&mut json);
        }
        let mut wire = Vec::new();
        let ours = of.echo.plan().write_request(&[], None, &json, &mut wire);
        let ours = ours.map(|()| canonical(&of.echo.desc, &wire));
        let theirs = call.request(&[], None, &json);
        prop_assert_eq!(
            complaint(ours),
            complaint(theirs),
            "{:?} {}",
            of.settings,
            String::from_utf8_lossy(&json)
        );
        Ok(())
    });
}

/// One type, and the form of JSON in which it is looked at.
struct Subject<'s> {
    echo: Echo,
    settings: &'s Settings,
}

impl Subject<'_> {
    fn wire(&self, choices: &[u8], chaos: &[u8]) -> Vec<u8> {
        let wire = random::message(&self.echo.desc, &mut Choices::new(choices));
        disorder(&self.echo.desc, &wire, &mut Entropy(chaos), 3)
    }
}

/// Runs a property on every type of every pool, in each form of JSON, `PROPTEST_CASES / 200` times.
fn for_every_type<S: Strategy>(strategy: &S, property: impl Fn(&Subject<'_>, S::Value) -> TestCaseResult)
where
    S::Value: std::fmt::Debug,
{
    let forms = forms();
    let config = Config { cases: cases().div_ceil(200), failure_persistence: None, ..Config::default() };
    let mut types = 0;
    for pool in [&*POOL, &*MODEL_POOL] {
        let plans: Vec<_> = forms.iter().map(|form| Plans::compile(pool, form)).collect();
        for desc in pool.all_messages().filter(|desc| !desc.is_map_entry()) {
            types += 1;
            for (settings, plans) in forms.iter().zip(&plans) {
                let subject = Subject { echo: Echo::of(&desc, plans).body("*"), settings };
                let run = TestRunner::new(config.clone()).run(strategy, |value| property(&subject, value));
                if let Err(TestError::Fail(reason, _)) = run {
                    panic!("{}: {reason}", desc.full_name());
                }
            }
        }
    }
    assert!(types > 400, "only {types} types");
}

/// What decides over the values: from almost nothing to a few hundred fields.
fn choices() -> impl Strategy<Value = Vec<u8>> {
    let most = prop::sample::select(vec![8_usize, 40, 150, 600]);
    most.prop_flat_map(|most| prop::collection::vec(any::<u8>(), 0..most))
}

/// What decides over the disorder of the wire bytes.
fn chaos() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..60)
}

/// Every option has either value in one of them at least.
fn forms() -> [Settings; 3] {
    [
        Settings::default(),
        Settings {
            unset_fields: UnsetFields::Omit,
            proto_names: true,
            case_insensitive_enums: true,
            refuse_unknown_fields: true,
            ..Settings::default()
        },
        Settings {
            unset_fields: UnsetFields::Zero,
            enums_as_numbers: true,
            int64_as_numbers: true,
            refuse_unknown_enums: false,
            indent: true,
            ..Settings::default()
        },
    ]
}

static MODEL_POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let settings = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}")).pool().clone()
});
