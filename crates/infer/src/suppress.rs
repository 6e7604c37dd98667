//! Non-maximum suppression: of several boxes around the same thing only the best one stays.

/// Sorts by falling score and removes those that are `same` as one with a higher score. Equal scores keep their order, so
/// that results are reproducible.
pub(crate) fn suppress<T>(found: &mut Vec<T>, score: impl Fn(&T) -> f32, same: impl Fn(&T, &T) -> bool) {
    found.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let mut kept: Vec<T> = Vec::with_capacity(found.len());
    for one in found.drain(..) {
        if !kept.iter().any(|k| same(k, &one)) {
            kept.push(one);
        }
    }
    *found = kept;
}
