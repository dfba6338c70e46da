//! The fields one request asks for, found once for all rows of a shape.
//!
//! Looking up a field in a shape costs a hash and a comparison of names; a request for 50 fields of
//! 500 candidates would do it 25 000 times. What it finds depends on the names and on the shape
//! only, and shapes never change.

use super::hasher::Hasher;
use super::layer::Layer;
use super::shape::Shape;

/// The shape has no such field.
const ABSENT: u16 = u16::MAX;

/// Shapes that are remembered: more than one kind of entity, or rows with fields added since.
const SHAPES_MAX: usize = 4;

/// Belongs to one list of names: whoever uses it with another must [`Projection::clear`] it first.
#[derive(Debug, Default)]
pub struct Projection {
    shapes: Vec<(u64, Box<[u16]>)>,
    /// By the id of the layer.
    layers: Vec<((u64, u64), Relation)>,
}

/// How the fields of a request and those of a layer's view are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// None of the fields is of the view.
    Foreign,
    Some,
    /// All of them are.
    All,
}

/// Layers that are remembered.
const LAYERS_MAX: usize = 64;

impl Projection {
    pub fn clear(&mut self) {
        self.shapes.clear();
        self.layers.clear();
    }

    /// How the names are related to a layer.
    #[inline]
    pub(super) fn relation<'n>(
        &mut self,
        layer: &Layer,
        names: impl Iterator<Item = &'n [u8]>,
    ) -> Relation {
        match self.layers.iter().find(|(id, _)| *id == layer.id()) {
            Some((_, relation)) => *relation,
            None => self.relate(layer, names),
        }
    }

    #[cold]
    fn relate<'n>(&mut self, layer: &Layer, names: impl Iterator<Item = &'n [u8]>) -> Relation {
        let (mut own, mut all) = (0, 0);
        for name in names {
            all += 1;
            own += usize::from(layer.batch.has_name(name));
        }
        let relation = match own {
            0 => Relation::Foreign,
            own if own == all => Relation::All,
            _ => Relation::Some,
        };
        if self.layers.len() == LAYERS_MAX {
            self.layers.clear();
        }
        self.layers.push((layer.id(), relation));
        relation
    }

    /// Where in the shape each of the names is.
    #[inline]
    pub(super) fn positions<'n>(
        &mut self,
        shape: &Shape,
        names: impl Iterator<Item = &'n [u8]>,
        hasher: &Hasher,
    ) -> &[u16] {
        let at = match self
            .shapes
            .iter()
            .position(|(serial, _)| *serial == shape.serial)
        {
            Some(at) => at,
            None => self.add(shape, names, hasher),
        };
        &self.shapes[at].1
    }

    #[cold]
    fn add<'n>(
        &mut self,
        shape: &Shape,
        names: impl Iterator<Item = &'n [u8]>,
        hasher: &Hasher,
    ) -> usize {
        if self.shapes.len() == SHAPES_MAX {
            self.shapes.clear();
        }
        let position = |name| shape.find(name, hasher).map_or(ABSENT, |at| at as u16);
        self.shapes
            .push((shape.serial, names.map(position).collect()));
        self.shapes.len() - 1
    }
}

/// A position as [`Projection::positions`] gives it.
#[inline]
pub(super) fn position(found: u16) -> Option<usize> {
    (found != ABSENT).then_some(usize::from(found))
}
