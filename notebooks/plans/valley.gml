# A made-up map in the manner of the Topology Zoo, for `quantumlink network import`.
graph [
  label "valley"
  node [ id 0 label "Head" Latitude 47.10 Longitude 11.80 ]
  node [ id 1 label "Bridge" Latitude 47.15 Longitude 11.88 ]
  node [ id 2 label "Mill" Latitude 47.22 Longitude 11.90 ]
  node [ id 3 label "Mouth" Latitude 47.39 Longitude 11.85 ]
  edge [ source 0 target 1 ]
  edge [ source 1 target 2 length 9.5 ]
  edge [ source 2 target 3 ]
]
