//! Parts that come and go.

use super::{El, Scope};
use web_sys::Node;

/// Makes the element for a key, in a scope of its own.
pub type Make = Box<dyn FnMut(&Scope, u32) -> El>;

struct Item {
    key: u32,
    el: El,
    /// Dropped with the item: its effects and listeners end.
    #[expect(dead_code, reason = "held for what it owns")]
    scope: Scope,
}

impl El {
    /// Keeps the children equal to `keys`, in their order: one element made by `make` for each. What stays is not
    /// made anew. Keys must differ from each other. The element may have no other children.
    #[inline(never)]
    pub fn each(&self, cx: &Scope, mut keys: Box<dyn FnMut() -> Vec<u32>>, mut make: Make) -> &Self {
        let parent = self.clone();
        let mut items: Vec<Item> = Vec::new();
        cx.effect(Box::new(move || {
            let keys = keys();
            items.retain(|item| {
                let stays = keys.contains(&item.key);
                if !stays {
                    item.el.remove();
                }
                stays
            });
            let mut place: Option<Node> = parent.raw().first_child();
            for (index, key) in keys.iter().enumerate() {
                match items.iter().skip(index).position(|item| item.key == *key) {
                    Some(0) => place = items[index].el.raw().next_sibling(),
                    Some(ahead) => {
                        let item = items.remove(index + ahead);
                        let _ = parent.raw().insert_before(item.el.raw(), place.as_ref());
                        items.insert(index, item);
                    }
                    None => {
                        let scope = Scope::default();
                        let mut made = None;
                        Scope::unwatched(&mut || made = Some(make(&scope, *key)));
                        if let Some(el) = made {
                            let _ = parent.raw().insert_before(el.raw(), place.as_ref());
                            items.insert(index, Item { key: *key, el, scope });
                        }
                    }
                }
            }
        }));
        self
    }

    /// Has a child made by `make` while `shown` says so. The element may have no other children.
    #[inline(never)]
    pub fn when(
        &self,
        cx: &Scope,
        mut shown: Box<dyn FnMut() -> bool>,
        mut make: Box<dyn FnMut(&Scope) -> El>,
    ) -> &Self {
        self.each(
            cx,
            Box::new(move || if shown() { vec![0] } else { Vec::new() }),
            Box::new(move |scope, _| make(scope)),
        )
    }
}
