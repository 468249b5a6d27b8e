//! The configuration from outside: faults are all told, layers win in order, every shipped file loads.

mod commands;
mod deploy;
mod events;
mod external;
mod faults;
mod kept;
mod keys;
mod layers;
mod mappings;
mod shipped;
mod support;
