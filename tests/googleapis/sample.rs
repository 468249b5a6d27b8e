//! Requests made of path templates: such as a template matches, and such as it nearly matches. The same bindings
//! give the same requests.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use transom::rule::{Binding, HttpMethod, Segment};

/// A request for each binding, and for every third one another that is a little off.
pub fn requests(bindings: &[Binding]) -> Vec<(Method, String)> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut requests = Vec::new();
    for (index, binding) in bindings.iter().enumerate() {
        let method = match &binding.method {
            HttpMethod::Exact(method) => method.clone(),
            HttpMethod::Any => Method::OPTIONS,
        };
        requests.push((method.clone(), dice.path(binding)));
        if index % 3 == 0 {
            let path = dice.path(binding);
            requests.push(dice.spoil(method, path));
        }
    }
    requests
}

/// What a `*` may be: plain, with a colon as a custom verb has it, with escapes, a literal of other templates.
const VALUES: [&str; 12] =
    ["p-1", "x", "7", "a.b~c", "me:cancel", "n:0", "a%2Fb", "m%65", "%C3%A9", "projects", "locations", "-"];

/// Numbers without a pattern to speak of (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 8).unwrap_or(0) % bound
    }

    fn value(&mut self) -> String {
        // Mostly plain ones, so that most requests are of the binding that they were made of.
        let known = if self.below(4) == 0 { VALUES.len() } else { 4 };
        VALUES[self.below(known)].to_owned()
    }

    fn path(&mut self, binding: &Binding) -> String {
        let mut segments = Vec::new();
        for segment in &binding.template.segments {
            match segment {
                Segment::Literal(text) => segments.push(encoded(text)),
                Segment::One => segments.push(self.value()),
                Segment::Many => {
                    for _ in 0..self.below(4) {
                        segments.push(self.value());
                    }
                }
            }
        }
        let verb = binding.template.verb.as_ref().map(|verb| format!(":{}", encoded(verb)));
        format!("/{}{}", segments.join("/"), verb.unwrap_or_default())
    }

    /// A segment more or less or in another place, another verb or none, another method.
    fn spoil(&mut self, method: Method, path: String) -> (Method, String) {
        let mut segments: Vec<_> = path.split('/').skip(1).map(str::to_owned).collect();
        let at = self.below(segments.len());
        match self.below(7) {
            0 => drop(segments.remove(at)),
            1 => segments.insert(at, self.value()),
            2 => segments[at] = self.value(),
            3 => segments[at].push_str(":cancel"),
            4 => {
                let end = segments[at].find(':').unwrap_or(segments[at].len());
                segments[at].truncate(end);
            }
            5 => segments.push(String::new()),
            _ => {
                let methods = [Method::GET, Method::POST, Method::DELETE, Method::HEAD, Method::PATCH];
                return (methods[self.below(methods.len())].clone(), path);
            }
        }
        (method, format!("/{}", segments.join("/")))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
