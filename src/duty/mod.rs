//! What each method's options, or the config, ask of a gateway: who may call, what is recorded, how a part of a
//! resource is updated.
//!
//! Not for doing it: [`policy`](crate::policy), [`patch`](crate::patch), [`event`](crate::event) and the steps of
//! a call do.
