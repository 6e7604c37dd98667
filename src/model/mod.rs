//! Models: manifests, where weights lie, sessions on an execution provider.
