// The page of an evaluation: its list of cases can be sorted.

whenRead(() => caseLists().forEach((list) => list.filter(null)));
